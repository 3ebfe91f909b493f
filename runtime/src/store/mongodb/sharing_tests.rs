//! Many writers of one archive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mongodb::bson::doc;

use super::lease::{Keeper, Leases, RANGES};
use super::server::Server;
use super::testing::{Scratch, registered, say};
use super::{MongoStore, lease};
use crate::store::testing::{ALL, FILTER, done, exported, filter, key, login, record, settle_all};
use crate::store::{Access, ClaimSize, Store, Tally};
use crate::tahoe::Category;

/// A clock that stands still unless told.
fn clock() -> (lease::Clock, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(0));
    let theirs = Arc::clone(&seconds);
    (Arc::new(move || Duration::from_secs(theirs.load(Ordering::Relaxed))), seconds)
}

#[test]
fn runtimes_share_the_ranges_and_take_over_those_of_the_dead() {
    let Some(scratch) = Scratch::new() else { return };
    let server = Arc::new(Server::connect(scratch.uri()).unwrap());
    let (clock, time) = clock();
    let runtime = || Leases::new(Arc::clone(&server), Arc::clone(&clock));
    let (one, two, three) = (runtime(), runtime(), runtime());
    let held = |leases: &Leases| leases.held().0.count_ones();
    one.tick().unwrap();
    assert_eq!(held(&one), u32::from(RANGES));
    // Those that come later have their shares as soon as the first has seen them.
    two.tick().unwrap();
    three.tick().unwrap();
    assert_eq!((held(&two), held(&three)), (0, 0));
    for _ in 0..3 {
        for leases in [&one, &two, &three] {
            leases.tick().unwrap();
        }
    }
    let all = [&one, &two, &three].map(|leases| leases.held().0);
    assert_eq!(all.iter().map(|bits| bits.count_ones()).sum::<u32>(), u32::from(RANGES));
    assert_eq!(all[0] | all[1] | all[2], u64::MAX);
    assert!(all.iter().all(|bits| bits.count_ones() >= 20));
    for leases in [&one, &three] {
        leases.tick().unwrap();
    }
    // Two falls silent. For less than thirty seconds nothing happens.
    time.fetch_add(29, Ordering::Relaxed);
    for leases in [&one, &three] {
        leases.tick().unwrap();
    }
    assert_eq!(held(&one) + held(&three), u32::from(RANGES) - all[1].count_ones());
    let epoch = one.held().1;
    time.fetch_add(1, Ordering::Relaxed);
    for _ in 0..2 {
        for leases in [&one, &three] {
            leases.tick().unwrap();
        }
    }
    assert_eq!(one.held().0 | three.held().0, u64::MAX);
    assert_eq!(one.held().0 & three.held().0, 0);
    assert!(one.held().1 > epoch);
    // It was only slow: it sees that it lost its ranges, and gets a share again.
    two.tick().unwrap();
    for _ in 0..3 {
        for leases in [&one, &two, &three] {
            leases.tick().unwrap();
        }
    }
    assert!(held(&two) >= 20);
    // Who ends in good order leaves at once.
    for leases in [&one, &two] {
        leases.release().unwrap();
    }
    three.tick().unwrap();
    assert_eq!(held(&three), u32::from(RANGES));
}

#[test]
fn two_runtimes_do_each_pair_once_and_the_end_is_as_of_one() {
    let Some((scratch, alone)) = Scratch::new().zip(Scratch::new()) else { return };
    let records: Vec<_> = (0..40).map(|n| record("cowrie", n, if n % 3 == 0 { "org-two" } else { "org-one" })).collect();
    let finish = |store: &MongoStore| {
        let mut n = 0;
        loop {
            let work = store.claim_to_the_end(FILTER, ClaimSize { records: 5, ..ALL }).unwrap();
            if work.is_empty() {
                return n;
            }
            n += settle_all(store, &work).len();
        }
    };
    let single = registered(&alone);
    single.ingest(&records).unwrap();
    assert_eq!(finish(&single), 40);
    let one = registered(&scratch);
    one.ingest(&records).unwrap();
    // The second one takes its share; what it has not, it does not wait for.
    let two = registered(&scratch);
    assert!(two.claim_to_the_end(FILTER, ALL).unwrap().is_empty());
    one.leases.tick().unwrap();
    two.leases.tick().unwrap();
    let (first, second) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| finish(&two));
        let ours = finish(&one);
        (ours, theirs.join().unwrap())
    });
    assert_eq!(first + second, 40);
    assert!(first > 0 && second > 0, "{first} and {second}");
    assert_eq!(exported(&one), exported(&single));
    assert_eq!(one.tally(FILTER).unwrap().done, 40);
}

#[test]
fn writers_that_know_nothing_of_each_other_end_in_the_same_documents() {
    let Some((scratch, alone)) = Scratch::new().zip(Scratch::new()) else { return };
    let categories = [Category::Benign, Category::Malicious, Category::Unknown];
    let records: Vec<_> = (0..24).map(|n| record("cowrie", n, "org-one")).collect();
    let answers: Vec<_> =
        records.iter().enumerate().map(|(n, record)| done(key(record), login(n / 3, "org-one", categories[n % 3]))).collect();
    let single = registered(&alone);
    single.ingest(&records).unwrap();
    single.commit(FILTER, &answers).unwrap();
    let stores = [registered(&scratch), registered(&scratch), registered(&scratch)];
    // All archive the same, and settle the same, at once, each in another order.
    std::thread::scope(|scope| {
        for (n, store) in stores.iter().enumerate() {
            let (mut mine, records) = (answers.clone(), &records);
            scope.spawn(move || {
                store.ingest(records).unwrap();
                mine.rotate_left(8 * n);
                if n == 1 {
                    mine.reverse();
                }
                for batch in mine.chunks(n + 2) {
                    store.commit(FILTER, batch).unwrap();
                }
            });
        }
    });
    assert_eq!(exported(&stores[0]), exported(&single));
    assert_eq!(stores[0].tally(FILTER).unwrap(), Tally { accepted: 24, done: 24, ..Tally::default() });
}

#[test]
fn a_keeper_gives_up_its_ranges_when_it_ends() {
    let Some(scratch) = Scratch::new() else { return };
    let server = Arc::new(Server::connect(scratch.uri()).unwrap());
    for _ in 0..2 {
        let leases = Arc::new(Leases::new(Arc::clone(&server), lease::monotonic()));
        let keeper = Keeper::start(Arc::clone(&leases)).unwrap();
        assert_eq!(leases.held().0, u64::MAX);
        drop(keeper);
    }
}

/// One of the runtimes of the test below, in a process of its own that may be killed at any moment.
#[test]
#[ignore = "started by the next one"]
fn a_runtime_that_may_be_killed() {
    let Ok(uri) = std::env::var("TAHOE_TEST_CHILD_URI") else { return };
    let store = MongoStore::open(&uri, Access::Existing).unwrap();
    store.register(&filter(FILTER, &["cowrie"])).unwrap();
    loop {
        let work = store.claim_to_the_end(FILTER, ClaimSize { records: 5, ..ALL }).unwrap();
        settle_all(&store, &work);
        if work.is_empty() {
            std::thread::sleep(Duration::from_millis(300));
            store.reopen(FILTER).unwrap();
        }
    }
}

#[test]
#[ignore = "takes a minute"]
fn runtimes_that_are_killed_and_restarted_end_as_one_that_was_not() {
    let Some((scratch, alone)) = Scratch::new().zip(Scratch::new()) else { return };
    let records: Vec<_> = (0..400).map(|n| record("cowrie", n, if n % 3 == 0 { "org-two" } else { "org-one" })).collect();
    let single = registered(&alone);
    single.ingest(&records).unwrap();
    while !settle_all(&single, &single.claim_to_the_end(FILTER, ClaimSize { records: 50, ..ALL }).unwrap()).is_empty() {}
    // Looks on, and takes no share.
    let watcher = scratch.store();
    watcher.ingest(&records).unwrap();
    let start = || {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "store::mongodb::sharing_tests::a_runtime_that_may_be_killed", "--ignored"])
            .env("TAHOE_TEST_CHILD_URI", scratch.uri());
        child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut children = [start(), start(), start()];
    let began = std::time::Instant::now();
    let mut kills = 0;
    loop {
        std::thread::sleep(Duration::from_millis(700));
        let done = watcher.tally(FILTER).map_or(0, |tally| tally.done);
        if done == 400 || began.elapsed() > Duration::from_secs(240) {
            break;
        }
        // Now and then, until there is time to take over what the dead held.
        if kills < 8 && began.elapsed() > Duration::from_secs(2 * kills as u64 + 3) {
            let child = &mut children[kills % 3];
            child.kill().unwrap();
            child.wait().unwrap();
            *child = start();
            kills += 1;
        }
    }
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(watcher.tally(FILTER).unwrap(), Tally { accepted: 400, done: 400, ..Tally::default() });
    let attempts: i64 = scratch.find("ledger", doc! {}).iter().map(|row| row.get_i64("attempts").unwrap()).sum();
    say(&format!("{kills} kills, {attempts} attempts for 400 pairs, {:?}", began.elapsed()));
    // A mark that a kill left out is set by who looks next.
    let last = registered(&scratch);
    last.leases.tick().unwrap();
    super::lock(&last.queue(FILTER).unwrap()).advance(&last.server, Duration::from_secs(1000), super::now() + 3600.0).unwrap();
    assert_eq!(exported(&last), exported(&single));
}
