//! The image captioner of unspool, and the hand-written formulas that witness its gradients.
//!
//! In reading order: [`data`] is what it learns from; [`model`] the network, [`training`] how it learns,
//! [`progress`] what is seen of that, [`evaluate`] and [`metrics`] how good it is, [`diagnosis`] what is wrong with it,
//! [`scoring`] the same numbers of captions of any origin, and [`trial`] all of it in one call; [`handwritten`] are the formulas of its backward pass in plain loops, [`reference`](mod@reference) published
//! numbers, and [`check`] holds autodiff against both; [`contact_sheet`] shows captioned pictures, [`report`] all of a run
//! on one page, and [`serve`] describes those that a browser brings; [`error`] is what can go wrong.
#![deny(missing_docs)]

pub mod check;
pub mod contact_sheet;
pub mod data;
pub mod diagnosis;
pub mod error;
pub mod evaluate;
pub mod handwritten;
pub mod metrics;
pub mod model;
pub mod progress;
pub mod reference;
pub mod report;
pub mod scoring;
pub mod serve;
pub mod training;
pub mod trial;
