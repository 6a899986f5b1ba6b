//! PRODUCT 14: bodies, queues, names, rates and nesting are bounded. Each bound is met over HTTP, as its answer says, and
//! the server goes on.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchpost_testkit::{Sandbox, Watchpost, wait_until};

use crate::{
    api::{Answer, ask, gate, get, json, parse, serve},
    described,
};

/// A JPEG file.
fn picture() -> Vec<u8> {
    let out = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240", "-frames:v", "1"])
        .args(["-c:v", "mjpeg", "-f", "image2pipe", "-"])
        .output();
    out.expect("ffmpeg (Debian package ffmpeg) is needed by this test").stdout
}

/// An instance that matches pushed video with posted detections: of a camera a picture waits half a second for its
/// detections. Where none are posted it takes two pictures a second, on any machine.
fn slow_to_take() -> (Sandbox, Watchpost, SocketAddr) {
    let (sandbox, server, address) = serve();
    let document = json!({"DisplayName": "gate", "AutoStart": true,
        "Input": {"uri": "ndjson+post://", "video_uri": "push://"}});
    assert_eq!(json(address, "POST", "/api/v1/instances", &document).status, 201);
    (sandbox, server, address)
}

fn shown(address: SocketAddr) -> Value {
    get(address, "/api/v1/instances/gate").json()
}

/// Lines for frames from `first` on: nothing was seen in them.
fn lines(first: u64, end: u64) -> String {
    (first..end).map(|frame| format!("{{\"frame_id\":{frame},\"detections\":[]}}\n")).collect()
}

fn post(address: SocketAddr, lines: &str) -> Answer {
    ask(address, "POST", "/v1/core/instance/gate/detections", &[], lines.as_bytes())
}

#[test]
fn who_pushes_pictures_too_fast_is_told_and_none_is_taken_or_lost_unsaid() {
    let (_sandbox, _server, address) = slow_to_take();
    let picture = picture();
    let push = || ask(address, "POST", "/v1/core/instance/gate/push/compressed", &[], &picture);
    wait_until("it takes pictures", || push().status == 204);
    // Sixteen at once, again and again: with room for eight, half of them wait in vain for a second.
    let (mut taken, mut refused) = (1, Vec::new());
    let began = Instant::now();
    while refused.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "{taken} were taken: {}", shown(address));
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..16).map(|_| scope.spawn(push)).collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for answer in answers {
            match answer.status {
                204 => taken += 1,
                503 => refused.push(answer),
                other => panic!("{other}: {}", answer.json()),
            }
        }
    }
    for answer in &refused {
        assert_eq!(answer.header("retry-after").as_deref(), Some("1"), "{}", answer.head);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("nothing was taken"), "{detail}");
    }
    // With detections for all of them it goes on at once: each picture that was taken is a frame, and no other is.
    assert_eq!(post(address, &lines(0, taken)).json()["accepted"], taken);
    wait_until("all that were taken are frames", || shown(address)["frames"] == taken);
    assert_eq!(push().status, 204, "there is room again");
    wait_until("the next is one, too", || shown(address)["frames"] == taken + 1);
}

#[test]
fn who_posts_more_than_is_taken_is_told_how_much_to_post_again() {
    let (_sandbox, _server, address) = slow_to_take();
    wait_until("it takes lines", || post(address, "").status == 200);
    // Nothing reads them, for no picture has come: the queue fills up, whatever its length.
    let body = lines(1000, 60_000);
    let answer = post(address, &body);
    let told = answer.json();
    assert_eq!((answer.status, told["status"].as_u64()), (503, Some(503)), "{told}");
    assert_eq!(answer.header("retry-after").as_deref(), Some("1"), "{}", answer.head);
    let (accepted, left) = (told["accepted"].as_u64().unwrap(), told["left_bytes"].as_u64().unwrap());
    assert!(accepted > 0 && told["refused"] == 0, "{told}");
    // What is left begins with the first line that was not taken.
    let rest = &body[body.len() - left as usize..];
    assert!(rest.starts_with(&format!("{{\"frame_id\":{},", 1000 + accepted)), "{accepted}: {:.80}", rest);
}

/// Says when it is over, also when the test has failed: who works beside it ends then.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends a byte now and then until there is an answer.
fn trickle(address: SocketAddr, head: &str) -> (Answer, Duration) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}").unwrap();
    let began = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut answer = Vec::new();
    loop {
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(0) => return (parse(answer), began.elapsed()),
            Ok(read) => answer.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                assert!(began.elapsed() < Duration::from_secs(15), "it is waited for without end");
                // Who has been answered is not listened to any more.
                let _hung_up = stream.write_all(b" ");
            }
            // Bytes that nobody reads any more are answered by a reset, behind the answer.
            Err(_) => return (parse(answer), began.elapsed()),
        }
    }
}

#[test]
fn a_body_that_trickles_in_is_cut_off_and_keeps_nobody_waiting() {
    let (_sandbox, _server, address) = serve();
    let head = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 8000\r\n\r\n"
    );
    let others = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let (answer, took) = std::thread::scope(|scope| {
        let _over = Over(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(get(address, "/healthz").status, 200);
                others.fetch_add(1, Ordering::Relaxed);
            }
        });
        trickle(address, &head)
    });
    assert_eq!(answer.status, 408, "{}", answer.head);
    described::hold("POST", "/api/v1/session", &answer);
    assert!(answer.json()["detail"].as_str().unwrap().contains("too slowly"), "{}", answer.json());
    assert!(took > Duration::from_secs(4), "a slow network has its time: {took:?}");
    assert!(others.load(Ordering::Relaxed) > 10, "others are served meanwhile");
}

#[test]
fn viewers_are_so_many_and_no_more() {
    let (_sandbox, _server, address) = serve();
    let mut viewers: Vec<TcpStream> = (0..256)
        .map(|n| {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "GET /api/v1/events/live HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
            let mut status = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut status).unwrap();
            assert!(status.starts_with("HTTP/1.1 200 "), "viewer {n}: {status}");
            stream
        })
        .collect();
    let one_more = || get_until_head(address, "/api/v1/events/live");
    let refused = get(address, "/api/v1/events/live");
    assert_eq!(refused.status, 503, "{}", refused.head);
    assert!(refused.json()["detail"].as_str().unwrap().contains("256"), "{}", refused.json());
    assert_eq!(get(address, "/api/v1/instances").status, 200, "everything else is there");
    drop(viewers.pop());
    wait_until("there is room for another", || one_more() == 200);
}

/// The status of an answer that does not end.
fn get_until_head(address: SocketAddr, path: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).unwrap();
    status.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Found by reading: a path is levels of a document, and each level of one was a call on the stack.
#[test]
fn no_path_and_no_value_nests_a_document_deeper_than_it_can_be_read() {
    let (sandbox, server, address) = serve();
    let made = json(address, "POST", "/api/v1/instances", &gate());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let set = |path: &str, value: &str| {
        let body = json!({"path": path, "jsonValue": value});
        json(address, "POST", "/v1/core/instance/gate/config", &body)
    };
    for parts in [33, 1000, 100_000] {
        let refused = set(&format!("Global{}", "/a".repeat(parts - 1)), "1");
        assert_eq!(refused.status, 422, "{parts}: {}", refused.json());
        assert!(refused.json()["detail"].as_str().unwrap().contains("32 parts"), "{}", refused.json());
    }
    // Each alone may be: together they are too deep for whoever reads the file.
    let value = format!("{}1{}", "[".repeat(90), "]".repeat(90));
    let refused = set(&format!("Global{}", "/a".repeat(20)), &value);
    assert_eq!((refused.status, &refused.json()["problems"][0]["path"]), (422, &json!("/Global")));
    assert_eq!(set("Global/a/b/c", &value).status, 204);
    // And so it is there after a restart.
    drop(server);
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    let kept = get(address, &format!("/api/v1/instances/{id}/document")).json();
    assert_eq!(kept["Global"]["a"]["b"]["c"].to_string(), value);
}

#[test]
fn guesses_that_come_at_the_same_moment_are_slowed_as_those_that_follow_each_other() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    assert_eq!(sandbox.run_with_input(&["password"], b"correct horse\n").code, Some(0));
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    let guess = |n: usize| {
        let body = json!({"user": format!("user{}", n % 7), "password": format!("guess {n}")});
        json(address, "POST", "/api/v1/session", &body).status
    };
    let guess = &guess;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..60).map(|n| scope.spawn(move || guess(n))).collect();
        guesses.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    // Five are free, and two passwords are hashed at a time.
    assert!((5..=6).contains(&looked_at), "{looked_at} of {statuses:?}");
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
}

#[test]
fn who_is_locked_out_sees_no_more() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    for (user, role) in [("root", "admin"), ("vic", "viewer")] {
        let set = sandbox.run_with_input(&["password", user, "--role", role], b"correct horse\n");
        assert_eq!(set.code, Some(0), "{}", set.stderr);
    }
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    let login = json!({"user": "vic", "password": "correct horse"});
    let cookie = json(address, "POST", "/api/v1/session", &login).header("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let follow = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!("Host: {address}\r\nCookie: {cookie}\r\nConnection: close");
        write!(stream, "GET /api/v1/events/live HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
        let mut status = String::new();
        let mut lines = BufReader::new(stream);
        lines.read_line(&mut status).unwrap();
        assert!(status.starts_with("HTTP/1.1 200 "), "{status}");
        lines
    };
    let mut looking = follow();
    let set = sandbox.run_with_input(&["password", "vic"], b"battery staple\n");
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    // It ends, and in order: the last chunk has no length.
    let mut rest = String::new();
    looking.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
}

#[test]
fn a_poll_of_a_busy_instance_ends() {
    let (_sandbox, _server, address) = serve();
    let mut document = gate();
    // Every track is a record.
    document["SolutionManager"] = json!({"enable_debug": true});
    assert_eq!(json(address, "POST", "/api/v1/instances", &document).status, 201);
    wait_until("it runs", || shown(address)["state"] == "running");
    let poll = || get(address, "/v1/core/instance/gate/consume_events");
    assert_eq!(poll().status, 204, "it begins here");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&done);
        // Nearly a hundred records a second, without a pause, for as long as it takes.
        scope.spawn(|| {
            for frame in (0_u64..).take_while(|_| !done.load(Ordering::Relaxed)) {
                let line = format!(
                    "{{\"frame_id\":{frame},\"timestamp_ms\":{},\"detections\":[{{\"label\":\"person\",\"confidence\":0.9,\"x\":0.4,\"y\":0.4,\"width\":0.1,\"height\":0.2,\"track_id\":\"a\"}}]}}\n",
                    frame * 40
                );
                assert_eq!(post(address, &line).status, 200);
            }
        });
        let mut records = 0;
        let began = Instant::now();
        while records < 100 {
            let polled = poll();
            if polled.status == 200 {
                records += polled.json().as_array().unwrap().len();
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{records} records");
        }
    });
}
