//! Processes that write one archive at the same time.

use super::*;

/// So many of them.
const WRITERS: usize = 3;

/// Batches of pairs, which overlap, and for each writer an order in which it commits all of them.
fn batches_and_orders() -> impl Strategy<Value = (Vec<Vec<usize>>, Vec<Vec<usize>>)> {
    proptest::collection::vec(proptest::collection::vec(0..24_usize, 1..7), 3..7).prop_flat_map(|batches| {
        let order: Vec<usize> = (0..batches.len()).collect();
        (Just(batches), proptest::collection::vec(Just(order).prop_shuffle(), WRITERS))
    })
}

fn both_organisations(archive: &dyn Archive) -> Box<dyn Store> {
    let store = with(archive, 12);
    let second: Vec<_> = (0..12).map(|n| record("cowrie", n, "org-two")).collect();
    store.ingest(&second).unwrap();
    store
}

fn commit(store: &dyn Store, batch: &[usize]) {
    let settled: Vec<_> = batch.iter().map(|&n| verdict(n)).collect();
    store.commit(FILTER, &settled).unwrap();
}

pub(super) fn any_interleaving_gives_the_export_of_one_writer(make: Make<'_>, cases: u32) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let result = runner.run(&batches_and_orders(), |(batches, orders)| {
        let alone = embedded();
        let alone = both_organisations(&*alone);
        batches.iter().for_each(|batch| commit(&*alone, batch));

        let archive = make();
        let first = both_organisations(&*archive);
        let writers: Vec<Box<dyn Store>> = orders.iter().map(|_| archive.open()).collect();
        writers.iter().for_each(|writer| writer.register(&filter(FILTER, &["cowrie"])).unwrap());
        let start = std::sync::Barrier::new(WRITERS);
        std::thread::scope(|scope| {
            for (writer, order) in writers.iter().zip(&orders) {
                let (start, batches) = (&start, &batches);
                scope.spawn(move || {
                    start.wait();
                    order.iter().for_each(|&batch| commit(&**writer, &batches[batch]));
                });
            }
        });
        prop_assert_eq!(exported(&*first), exported(&*alone));
        prop_assert_eq!(first.tally(FILTER).unwrap(), alone.tally(FILTER).unwrap());
        Ok(())
    });
    result.unwrap();
}
