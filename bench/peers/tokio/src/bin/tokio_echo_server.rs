// Rows 8, 10 and 16 in Tokio, on its runtime of one thread.
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn compute(mut sum: u64) -> u64 {
    for _ in 0..4000 {
        sum = std::hint::black_box(sum.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407));
    }
    sum
}

async fn echo<const SIZE: usize>(mut stream: TcpStream) {
    let mut buffer = [0u8; SIZE];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) => {
                if stream.write_all(&buffer[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening\t{}", listener.local_addr().unwrap().port());
        if std::env::args().any(|a| a == "--busy") {
            tokio::spawn(async {
                let mut sum = 0;
                loop {
                    sum = compute(sum);
                    tokio::task::yield_now().await;
                }
            });
        }
        let hold = std::env::args().any(|a| a == "--hold");
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            if hold {
                tokio::spawn(echo::<64>(stream));
            } else {
                tokio::spawn(echo::<16384>(stream));
            }
        }
    });
}
