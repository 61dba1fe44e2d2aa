// Row 12 in Tokio: spawn_blocking, on as many threads as all others here.
use std::cell::Cell;
use std::rc::Rc;

fn main() {
    let rows = tokio_peers::Rows::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build().unwrap();
    for (name, depth, operations) in [("offload_1", 1, 3e4), ("offload_64", 64, 1e5)] {
        rows.measure(name, operations, |n| {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async {
                let begun = Rc::new(Cell::new(0));
                let sum = Rc::new(Cell::new(0));
                let mut all = Vec::new();
                for _ in 0..depth {
                    let (begun, sum) = (begun.clone(), sum.clone());
                    all.push(tokio::task::spawn_local(async move {
                        while begun.get() < n {
                            let x = begun.get();
                            begun.set(x + 1);
                            let got = tokio::task::spawn_blocking(move || x + 1).await.unwrap();
                            sum.set(sum.get() + got);
                        }
                    }));
                }
                for task in all {
                    task.await.unwrap();
                }
                assert!(sum.get() == n * (n + 1) / 2);
            });
        });
    }
}
