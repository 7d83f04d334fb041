//! The layers against plain loops, the notebooks' numbers, what PyTorch computes, and central differences.

mod attention;
mod battery;
mod cells;
mod checks;
mod cs231n;
mod enrolment;
mod exchange;
mod faults;
mod initial;
mod layers;
mod loss;
mod optimizers;
mod pictures;
mod pytorch;
mod sequences;
mod store;
mod support;
mod training;
mod transformer;
#[path = "../../../tape/tests/common/user_line.rs"]
mod user_line;
mod user_lines;
mod wrappers;
