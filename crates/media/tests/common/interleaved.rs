//! A viewer over TCP that decodes nothing: it counts what is delivered (RFC 2326 section 10.12, RFC 3550,
//! RFC 6184). Twenty of them cost next to nothing, so that what they miss was not sent to them.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// What came over a connection.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Pictures: access units that ended with the marker bit.
    pub pictures: u32,
    /// Of them key frames.
    pub keys: u32,
    /// Packets that are missing between the first and the last, by their sequence numbers.
    pub lost: u32,
    /// From PLAY to the first packet, and to the end of the first key frame.
    pub first: Option<Duration>,
    pub first_key: Option<Duration>,
    /// Pictures before the first key frame, of which a viewer can show nothing.
    pub before_key: u32,
    /// The longest time without a packet.
    pub longest_gap: Duration,
}

/// As [`play`], but the kernel takes next to nothing for it: what is sent stays with the server.
pub fn play_with_no_room(address: SocketAddr, path: &str) -> TcpStream {
    let stream = play(address, path);
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 2048).unwrap();
    stream
}

/// Bytes that the other end of a connection of this machine could not get rid of (`tx_queue` of `/proc/net/tcp`).
pub fn unsent_to(stream: &TcpStream) -> u64 {
    let [here, there] =
        [stream.local_addr(), stream.peer_addr()].map(|address| format!(":{:04X}", address.unwrap().port()));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let line = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of_server =
        |words: &Vec<&str>| words.len() > 4 && words[1].ends_with(&there) && words[2].ends_with(&here);
    line.filter(of_server)
        .map(|words| u64::from_str_radix(words[4].split(':').next().unwrap(), 16).unwrap())
        .sum()
}

/// Has everything sent over its connection from now on, and has read nothing of it.
pub fn play(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let url = format!("rtsp://{address}{path}");
    let mut ask = |head: String| -> String {
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains(" 200 "), "{answer}");
        let length = answer
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |n| n.parse().unwrap());
        stream.read_exact(&mut vec![0; length]).unwrap();
        answer
    };
    ask(format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"));
    let answer = ask(format!(
        "SETUP {url}/stream=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
    ));
    let session = answer.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
    let session = session.split(';').next().unwrap().to_owned();
    // Its answer comes among the packets.
    let play = format!("PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\n\r\n");
    stream.write_all(play.as_bytes()).unwrap();
    stream
}

/// Reads `stream` for `time`.
pub fn receive(stream: &mut TcpStream, time: Duration) -> Delivered {
    let start = Instant::now();
    let (mut seen, mut last_seq, mut is_key, mut last_at) = (Delivered::default(), None::<u16>, false, start);
    while start.elapsed() < time {
        let Some(packet) = next_packet(stream) else { break };
        let now = Instant::now();
        seen.longest_gap = seen.longest_gap.max(now - last_at);
        last_at = now;
        seen.first.get_or_insert(now - start);
        let seq = u16::from_be_bytes([packet[2], packet[3]]);
        if let Some(last) = last_seq {
            seen.lost += u32::from(seq.wrapping_sub(last).wrapping_sub(1));
        }
        last_seq = Some(seq);
        is_key |= has_key(&packet[12..]);
        if packet[1] & 0x80 != 0 {
            seen.pictures += 1;
            seen.keys += u32::from(is_key);
            if std::mem::take(&mut is_key) {
                seen.first_key.get_or_insert(now - start);
            } else if seen.first_key.is_none() {
                seen.before_key += 1;
            }
        }
    }
    seen
}

/// The next RTP packet; answers and RTCP are passed over. `None`: the connection has ended.
fn next_packet(stream: &mut TcpStream) -> Option<Vec<u8>> {
    loop {
        let mut first = [0];
        stream.read_exact(&mut first).ok()?;
        if first[0] != b'$' {
            let mut answer = first.to_vec();
            while !answer.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut first).ok()?;
                answer.push(first[0]);
            }
            continue;
        }
        let mut head = [0; 3];
        stream.read_exact(&mut head).ok()?;
        let mut packet = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        stream.read_exact(&mut packet).ok()?;
        if head[0] == 0 {
            return Some(packet);
        }
    }
}

/// Whether a payload begins a slice of an IDR picture (NAL unit type 5): alone, first of a fragmented unit
/// (FU-A, 28) or in an aggregation packet (STAP-A, 24).
fn has_key(payload: &[u8]) -> bool {
    match payload[0] & 31 {
        28 => payload[1] & 31 == 5,
        24 => {
            let mut rest = &payload[1..];
            while let [high, low, unit, ..] = rest {
                if unit & 31 == 5 {
                    return true;
                }
                rest = rest.get(2 + usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default();
            }
            false
        }
        kind => kind == 5,
    }
}
