//! The counting allocator counts, under a real program's conditions: installed as the global one.

use bench::counting::{Counting, allocations, publish};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn counts_and_writes_the_count() {
    let before = allocations();
    let kept: Vec<Box<u32>> = (0..1000).map(Box::new).collect();
    let counted = allocations() - before;
    assert!((1001..1100).contains(&counted), "{counted}");
    drop(kept);

    // Without its variable there is nowhere to write to.
    assert!(publish().is_err());
}
