// Row 7 in Tokio, on its runtime of one thread.
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

async fn ping(mut stream: UnixStream, rounds: usize) {
    let mut got = [0u8; 4096];
    for i in 0..rounds {
        let sent = [b'a' + (i % 26) as u8; 64];
        stream.write_all(&sent).await.unwrap();
        let n = stream.read(&mut got).await.unwrap();
        assert!(got[..n] == sent, "what came back is not what was sent");
    }
}

async fn pong(mut stream: UnixStream) {
    let mut got = [0u8; 4096];
    loop {
        match stream.read(&mut got).await.unwrap() {
            0 => return,
            n => stream.write_all(&got[..n]).await.unwrap(),
        }
    }
}

fn main() {
    let rows = tokio_peers::Rows::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, pairs) in [("ping_pong_1", 1), ("ping_pong_64", 64)] {
        rows.measure(name, 3e5, |n| {
            runtime.block_on(async {
                let rounds = (n / pairs).max(1);
                let mut all = Vec::new();
                for _ in 0..pairs {
                    let (one, two) = UnixStream::pair().unwrap();
                    all.push(tokio::spawn(ping(one, rounds)));
                    all.push(tokio::spawn(pong(two)));
                }
                for task in all {
                    task.await.unwrap();
                }
            });
        });
    }
}
