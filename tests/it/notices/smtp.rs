//! A mail server that takes what it is sent, or answers as it is told to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A mail that was sent.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) to: String,
    /// The whole message, with the dots that SMTP adds taken out.
    pub(super) raw: String,
}

/// What the server does with the next mail.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    /// Answers so once it has it all.
    Code(&'static str),
    /// Takes it, and hangs up without a word.
    HangUp,
}

#[derive(Default)]
struct State {
    mails: Mutex<Vec<Received>>,
    script: Mutex<VecDeque<Reply>>,
}

pub(super) struct MailServer {
    port: u16,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

impl MailServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // Who hangs up is done.
                tokio::spawn(async move { drop(talk(socket, &state).await) });
            }
        });
        Self { port, state, serving }
    }

    pub(super) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    pub(super) fn then(&self, reply: Reply) {
        self.state.script.lock().unwrap().push_back(reply);
    }

    /// Returns everything that was sent, whatever it was answered.
    pub(super) fn mails(&self) -> Vec<Received> {
        self.state.mails.lock().unwrap().clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn talk(socket: TcpStream, state: &State) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut to = String::new();
    write.write_all(b"220 mail.example\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        if verb == "RCPT" {
            to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        }
        if verb != "DATA" {
            let answer: &[u8] = if verb == "QUIT" { b"221 bye\r\n" } else { b"250 mail.example\r\n" };
            write.write_all(answer).await?;
            continue;
        }
        write.write_all(b"354 go on\r\n").await?;
        let mut raw = String::new();
        while let Some(line) = lines.next_line().await?.filter(|it| it != ".") {
            raw.push_str(line.strip_prefix('.').unwrap_or(&line));
            raw.push('\n');
        }
        state.mails.lock().unwrap().push(Received { to: std::mem::take(&mut to), raw });
        let reply = state.script.lock().unwrap().pop_front().unwrap_or(Reply::Code("250 taken"));
        match reply {
            Reply::Code(code) => write.write_all(format!("{code}\r\n").as_bytes()).await?,
            Reply::HangUp => return Ok(()),
        }
    }
    Ok(())
}

impl Received {
    /// Returns a header, unfolded; empty when it is not there.
    pub(super) fn header(&self, name: &str) -> String {
        let head = self.raw.split("\n\n").next().unwrap().replace("\n ", " ").replace("\n\t", " ");
        let found = head.lines().find_map(|it| {
            let (key, value) = it.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        found.unwrap_or_default()
    }
}
