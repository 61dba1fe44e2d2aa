//! What the timed programs share: `PROGRAM [--scale=0.1] [ROW...]` prints `row<TAB>figure`.
use std::time::Instant;

const SLICES: usize = 15;

pub struct Rows {
    scale: f64,
    rows: Vec<String>,
}

impl Rows {
    pub fn new() -> Rows {
        let mut all = Rows { scale: 1.0, rows: Vec::new() };
        for a in std::env::args().skip(1) {
            match a.strip_prefix("--scale=") {
                Some(scale) => all.scale = scale.parse().unwrap(),
                None => all.rows.push(a),
            }
        }
        all
    }

    /// The median of slices, in nanoseconds for each operation; the first slice only warms up.
    pub fn measure(&self, row: &str, operations: f64, mut body: impl FnMut(usize)) {
        if !self.rows.is_empty() && !self.rows.iter().any(|r| r == row) {
            return;
        }
        let n = ((operations * self.scale / SLICES as f64) as usize).max(1);
        body(n);
        let mut figures: Vec<f64> = (0..SLICES)
            .map(|_| {
                let start = Instant::now();
                body(n);
                start.elapsed().as_nanos() as f64 / n as f64
            })
            .collect();
        figures.sort_by(|a, b| a.partial_cmp(b).unwrap());
        println!("{}\t{:.3}", row, figures[SLICES / 2]);
    }
}
