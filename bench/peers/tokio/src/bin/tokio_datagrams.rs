// Row 17 in Tokio, which moves one datagram by each call: many together are many calls.
use tokio::net::UdpSocket;

async fn rounds(n: usize, together: usize) {
    let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let b = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = b.local_addr().unwrap();
    let out = [0u8; 1200];
    let mut got = [0u8; 2048];
    for _ in 0..n {
        for _ in 0..together {
            assert_eq!(a.send_to(&out, to).await.unwrap(), out.len(), "a datagram was not sent");
        }
        for _ in 0..together {
            assert_eq!(b.recv(&mut got).await.unwrap(), out.len(), "a datagram was lost");
        }
    }
}

fn main() {
    let rows = tokio_peers::Rows::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, operations, together) in
        [("datagram_1", 2e5, 1), ("datagram_64", 5e5, 64), ("datagram_segments", 5e5, 54)]
    {
        rows.measure(name, operations, |n| {
            runtime.block_on(rounds((n / together).max(1), together));
        });
    }
}
