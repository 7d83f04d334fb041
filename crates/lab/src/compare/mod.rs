//! Cells side by side on tasks: the same budget, several seeds, the best learning rate of each.

pub mod experiment;
pub mod record;

pub use experiment::{BaselineAt, CellFacts, Experiment, Settings, Size, TaskFacts};
pub use record::{AtLength, BeforeAndAfter, Outcome, Point, Purpose, Record};
