//! Memory that a thread keeps for the operands it packs.

use std::cell::RefCell;

/// A cache line of elements.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

thread_local! {
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Hands out room for so many elements of `T`, at the start of a cache line. It is kept by the thread and only
/// grows, so that a step like the last one allocates nothing. What lies in it is left from before.
pub(super) fn with_scratch<T: Copy, R>(elements: usize, use_it: impl FnOnce(*mut T) -> R) -> R {
    const { assert!(align_of::<T>() <= align_of::<Line>()) };
    LINES.with_borrow_mut(|lines| {
        let needed = (elements * size_of::<T>()).div_ceil(size_of::<Line>());
        if needed > lines.len() {
            lines.resize(needed, Line([0; 8]));
        }
        use_it(lines.as_mut_ptr().cast())
    })
}
