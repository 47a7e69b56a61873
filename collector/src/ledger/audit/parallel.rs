//! The same work on many things, on all processors.

use std::num::NonZero;
use std::thread;

/// What `each` makes of all things, in their order.
pub(crate) fn map<T: Sync, U: Send>(things: &[T], each: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = things.len().div_ceil(workers).max(1);
    let (here, elsewhere) = things.split_at(share.min(things.len()));
    let each = &each;
    thread::scope(|scope| {
        let parts: Vec<_> = elsewhere
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(each).collect::<Vec<_>>()))
            .collect();
        let mut all = Vec::with_capacity(things.len());
        all.extend(here.iter().map(each));
        for (part, of) in parts.into_iter().zip(elsewhere.chunks(share)) {
            // A part whose thread failed is done again, here.
            all.extend(part.join().unwrap_or_else(|_| of.iter().map(each).collect()));
        }
        all
    })
}
