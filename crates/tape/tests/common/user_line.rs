//! Where a mistake is said to be.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::Once;

thread_local! {
    /// Where this thread has panicked last.
    static PANICKED_AT: Cell<Option<(String, u32)>> = const { Cell::new(None) };
}

/// Runs what panics, and holds it to the line of the call.
#[track_caller]
pub fn panics_here(name: &str, mistake: impl FnOnce()) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // Other tests panic beside this one, and are told as ever.
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let location = panic.location().map(|location| (location.file().to_string(), location.line()));
            PANICKED_AT.set(location);
            usual(panic);
        }));
    });
    let here = Location::caller();
    let result = panic::catch_unwind(AssertUnwindSafe(mistake));
    assert!(result.is_err(), "{name} does not panic");
    let (file, line) = PANICKED_AT.take().expect("a panic has a location");
    assert_eq!((&*file, line), (here.file(), here.line()), "{name}");
}
