//! The tape of unspool: record, differentiate, optimise and execute tensor programs.
#![deny(missing_docs)]
