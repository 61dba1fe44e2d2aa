// Row 11 in Tokio, which has no read at an offset: a seek and a read, on its pool.
use tokio::io::{AsyncReadExt, AsyncSeekExt};

const FILE: usize = 64 << 20;

fn word_at(offset: u64) -> u64 {
    (offset + 1).wrapping_mul(0x9e3779b97f4a7c15)
}

fn main() {
    let rows = tokio_peers::Rows::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = format!("/var/tmp/bench.tokio.{}", std::process::id());
    let content: Vec<u8> = (0..FILE as u64).step_by(8).flat_map(|at| word_at(at).to_le_bytes()).collect();
    std::fs::write(&path, &content).unwrap();
    for (name, size, operations) in [("read_4k_1", 4096, 4e4), ("read_64k_1", 65536, 2e4), ("read_1m_1", 1 << 20, 1000.0)] {
        rows.measure(name, operations, |n| {
            runtime.block_on(async {
                let mut file = tokio::fs::File::open(&path).await.unwrap();
                let mut buffer = vec![0u8; size];
                let mut state: u64 = 88172645463325252;
                for _ in 0..n {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    let offset = state % (FILE / size) as u64 * size as u64;
                    file.seek(std::io::SeekFrom::Start(offset)).await.unwrap();
                    file.read_exact(&mut buffer).await.unwrap();
                    assert!(buffer[..8] == word_at(offset).to_le_bytes(), "what was read is not what is there");
                }
            });
        });
    }
    std::fs::remove_file(&path).unwrap();
}
