//! A table of hostile URLs: none leads to a connection.

use std::net::IpAddr;

use futures_util::future::join_all;
use liaison::feed::{
    address::{Guard, Reach},
    outbound::{Failure, Names},
};

use super::{Manner, Receiver, failure, outbound, post};

/// URLs that lead to this machine, in every spelling; `PORT` stands for a port that somebody listens on.
const HERE: &[&str] = &[
    "https://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/",
    "https://127.0.0.1.:PORT/",
    "https://127.1:PORT/",
    "https://127.0.1:PORT/",
    "https://127.000.000.001:PORT/",
    "https://0177.0.0.1:PORT/",
    "https://0177.0.0.01:PORT/",
    "https://00000177.0.0.1:PORT/",
    "https://0x7f.0.0.1:PORT/",
    "https://0x7f.1:PORT/",
    "https://0x7F.0x0.0x0.0x1:PORT/",
    "https://0x7f000001:PORT/",
    "https://0X7F000001:PORT/",
    "https://2130706433:PORT/",
    "https://017700000001:PORT/",
    "https://127.0.0.2:PORT/",
    "https://127.255.255.254:PORT/",
    "https://127.8.8.8:PORT/",
    "https://0.0.0.0:PORT/",
    "https://0:PORT/",
    "https://0x0:PORT/",
    "https://00.0:PORT/",
    "https://[::1]:PORT/",
    "https://[0:0:0:0:0:0:0:1]:PORT/",
    "https://[0000::0001]:PORT/",
    "https://[::0.0.0.1]:PORT/",
    "https://[::]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::ffff:7f00:1]:PORT/",
    "https://[::FFFF:7F00:0001]:PORT/",
    "https://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "https://%31%32%37.0.0.1:PORT/",
    "https://127%2e0%2e0%2e1:PORT/",
    "https://①②⑦.⓪.⓪.①:PORT/",
    "https://１２７.０.０.１:PORT/",
    "https://127。0。0。1:PORT/",
    "https:127.0.0.1:PORT/",
    "https:/127.0.0.1:PORT/",
    "https:\\\\127.0.0.1:PORT/",
    "https:////127.0.0.1:PORT/",
    "https://127.0.0.1:PORT\\@8.8.8.8/",
    "https://127.0.0.1:PORT#@8.8.8.8/",
    "https://127.0.0.1:PORT?@8.8.8.8/",
    " https://127.0.0.1:PORT/ ",
    "ht\ttps://127.0.\n0.1:PORT/",
    "HTTPS://127.0.0.1:PORT/",
    "https://localhost:PORT/",
    "https://LOCALHOST:PORT/",
    "https://localhost.:PORT/",
    "https://inside.example:PORT/",
    "https://inside.example.:PORT/",
    "https://six.example:PORT/",
    "https://mapped.example:PORT/",
    "https://zero.example:PORT/",
];

/// URLs that lead to other addresses inside, or mislead whoever reads them.
const INSIDE: &[&str] = &[
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://012.0.0.1/",
    "https://0xa.1/",
    "https://167772161/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://0xac100001/",
    "https://192.168.0.1/",
    "https://192.168.1/",
    "https://3232235777/",
    "https://0300.0250.1/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254./",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://169.254.43518/",
    "https://169.254.170.2/",
    "https://168.63.129.16/",
    "https://100.100.100.200/",
    "https://192.0.0.1/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://224.0.0.1/",
    "https://239.255.255.255/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://4294967295/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fdff::1]/",
    "https://[fe80::1]/",
    "https://[febf::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[ff0e::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::10.0.0.1]/",
    "https://[::ffff:0:10.0.0.1]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a00:1::1]/",
    "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "https://[2606:4700::5efe:10.0.0.1]/",
    "https://[2606:4700::200:5efe:a00:1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[2001:2::1]/",
    "https://[2001:10::1]/",
    "https://[100::1]/",
    "https://[5f00::1]/",
    "https://[4000::1]/",
    "https://ten.example/",
    "https://metadata.example/",
    "https://some-inside.example/",
    "https://unique.example/",
    "https://nat64.example/",
    "https://link.example/",
    "https://8.8.8.8@127.0.0.1/",
    "https://hooks.example:secret@10.0.0.1/",
    "https://user@hooks.example/",
    "https://:@10.0.0.1/",
    "https://127.0.0.1%00.example/",
    "https://[::1%25lo]/",
    "https://[::1%lo]/",
    "https://256.256.256.256/",
    "https://1.2.3.4.5/",
    "https://0x100000000/",
    "https://127.0.0.1:99999/",
    "https://",
    "https:///",
    "//127.0.0.1/",
    "/hook",
    "",
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/stats",
    "unix:///var/run/docker.sock",
    "data:application/json,{}",
    "javascript:alert(1)",
    "ws://127.0.0.1/",
    "ldap://127.0.0.1/",
    "jar:https://127.0.0.1!/",
    "https+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "http://hooks.example/",
];

/// Names that a hostile owner points inside.
fn names() -> Names {
    Names::new(|host| {
        let texts: &[&str] = match host.trim_end_matches('.') {
            "localhost" | "inside.example" => &["127.0.0.1"],
            "six.example" => &["::1"],
            "mapped.example" => &["::ffff:127.0.0.1"],
            "zero.example" => &["0.0.0.0"],
            "ten.example" => &["10.1.2.3"],
            "metadata.example" => &["169.254.169.254"],
            "some-inside.example" => &["8.8.8.8", "2606:4700::1111", "192.168.0.1"],
            "unique.example" => &["fd12:3456::1"],
            "nat64.example" => &["64:ff9b::7f00:1"],
            "link.example" => &["fe80::1"],
            _ => &[],
        };
        let addresses: Vec<IpAddr> = texts.iter().map(|it| it.parse().unwrap()).collect();
        Box::pin(async move { Ok(addresses) })
    })
}

#[tokio::test]
async fn no_hostile_url_leads_to_a_connection() {
    let receiver = Receiver::start(Manner::HangsUp).await;
    let port = receiver.address.port().to_string();
    let guard = Guard { is_http_allowed: false, reach: Reach::Public };
    let client = outbound(guard, names());
    assert!(HERE.len() + INSIDE.len() >= 120, "{} and {}", HERE.len(), INSIDE.len());

    for url in HERE.iter().chain(INSIDE) {
        let attempt = post(&client, &url.replace("PORT", &port)).await;

        assert_eq!(failure(&attempt), Some(Failure::Refused), "{url}: {:?}", attempt.outcome);
    }
    assert_eq!(receiver.connections(), 0);
}

/// The control: without the guard, each of those URLs finds this machine, so the test above could have seen it.
#[tokio::test]
async fn without_the_guard_they_lead_here() {
    let receiver = Receiver::start(Manner::HangsUp).await;
    let port = receiver.address.port().to_string();
    let client = outbound(Guard { is_http_allowed: true, reach: Reach::Everywhere }, names());

    let urls: Vec<_> = HERE.iter().map(|it| it.replace("PORT", &port)).collect();
    let attempts = join_all(urls.iter().map(|it| post(&client, it))).await;

    for (url, attempt) in HERE.iter().zip(attempts) {
        assert_ne!(failure(&attempt), Some(Failure::Refused), "{url}: {:?}", attempt.outcome);
    }
    // A machine without IPv6 has fewer ways to itself; `::0.0.0.1` is `::1`.
    let is_dual = receiver.address.is_ipv6();
    let expected = if is_dual { HERE.len() } else { HERE.iter().filter(|it| !it.contains('[')).count() - 2 };
    assert_eq!(receiver.connections(), expected);
}
