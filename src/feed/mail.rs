//! The mail server: one letter to one person at a time, each under an id that stays the same when it is repeated.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::Error as SmtpError,
};
use uuid::Uuid;

use crate::domain::time::Timestamp;

/// Codes that speak of this server's credentials, and not of the mail (RFC 4954): an operator mends them.
const CREDENTIAL_CODES: [u16; 4] = [530, 534, 535, 538];

/// Hands letters to a mail server. Cheap to clone.
#[derive(Clone)]
pub struct Postman {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Postman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postman(…)")
    }
}

/// A mail to one person.
#[derive(Clone)]
pub struct Letter {
    /// What its Message-ID is made of.
    pub id: Uuid,
    /// The address.
    pub to: String,
    /// When it was made.
    pub date: Timestamp,
    /// Subject.
    pub subject: String,
    /// In plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
    /// Where a POST stops further ones (RFC 8058); `None` for one that nobody has subscribed to.
    pub unsubscribe: Option<String>,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a letter was not taken. Nothing of it names the person.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PostError {
    /// It cannot be written: the address is none.
    #[error("the mail cannot be written: the address is none that a mail can go to")]
    Unwritable,
    /// The mail server does not want it, now or later.
    #[error("the mail server refused the mail for good ({0})")]
    Refused(u16),
    /// It may be taken later.
    #[error("the mail server did not take the mail ({0})")]
    Later(&'static str),
}

/// Why there is no mail server.
#[derive(Debug, thiserror::Error)]
pub enum PostmanError {
    /// Its address cannot be used.
    #[error("smtp.url cannot be used")]
    Url(#[source] SmtpError),
    /// The sender is no address.
    #[error("smtp.from is no address; use one such as \"Referrals <referrals@contoso.example>\"")]
    From(#[source] lettre::address::AddressError),
}

impl Postman {
    /// Gets ready for a mail server; nothing is asked of it yet.
    ///
    /// # Errors
    /// When the address or the sender is none.
    pub fn open(url: &str, from: &str, timeout: Duration) -> Result<Self, PostmanError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(PostmanError::Url)?;
        let from = from.parse().map_err(PostmanError::From)?;
        Ok(Self { transport: transport.timeout(Some(timeout)).build(), from })
    }

    /// Hands a letter over.
    ///
    /// # Errors
    /// Whether it is worth another try.
    pub async fn send(&self, letter: &Letter) -> Result<(), PostError> {
        let message = self.message(letter).ok_or(PostError::Unwritable)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(judge(&error)),
        }
    }

    /// Writes a letter. `None` when its address is none.
    fn message(&self, letter: &Letter) -> Option<Message> {
        let to: Address = letter.to.parse().ok()?;
        let secs = u64::try_from(letter.date.unix_secs()).unwrap_or(0);
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(secs))
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .subject(letter.subject.as_str())
            .raw_header(header("Auto-Submitted", "auto-generated")?);
        if let Some(url) = &letter.unsubscribe {
            message = message
                .raw_header(header("List-Unsubscribe", &format!("<{url}>"))?)
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")?);
        }
        message.multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone())).ok()
    }
}

/// Returns a header of visible ASCII and blanks. `None` for anything else, which could begin another header.
fn header(name: &'static str, value: &str) -> Option<HeaderValue> {
    let is_plain = value.bytes().all(|it| (b' '..=b'~').contains(&it));
    let name = HeaderName::new_from_ascii_str(name);
    is_plain.then(|| HeaderValue::dangerous_new_pre_encoded(name, value.to_owned(), value.to_owned()))
}

/// Says whether a letter is worth another try.
fn judge(error: &SmtpError) -> PostError {
    let code = error.status().map(u16::from);
    match code {
        Some(code) if error.is_permanent() && !CREDENTIAL_CODES.contains(&code) => PostError::Refused(code),
        Some(code) if CREDENTIAL_CODES.contains(&code) => {
            PostError::Later("it did not accept the credentials")
        }
        Some(_) => PostError::Later("it asked to try again"),
        None if error.is_timeout() => PostError::Later("it took too long"),
        None if error.is_tls() => PostError::Later("no secure connection came about"),
        None => PostError::Later("the connection failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(to: &str, subject: &str) -> Letter {
        Letter {
            id: Uuid::from_u128(7),
            to: to.to_owned(),
            date: Timestamp::parse("2026-11-22T09:30:00Z").unwrap(),
            subject: subject.to_owned(),
            text: "text".to_owned(),
            html: "<p>html</p>".to_owned(),
            unsubscribe: Some("https://liaison.example/unsubscribe/x".to_owned()),
        }
    }

    fn postman() -> Postman {
        let from = "Referrals <referrals@contoso.example>";
        Postman::open("smtp://127.0.0.1:1", from, Duration::from_secs(1)).unwrap()
    }

    fn written(letter: &Letter) -> Option<String> {
        postman().message(letter).map(|it| String::from_utf8(it.formatted()).unwrap())
    }

    #[test]
    fn a_letter_has_the_headers_of_one_click_and_a_stable_id() {
        let text = written(&letter("fay@fabrikam.example", "Deal")).unwrap();

        for line in [
            "From: Referrals <referrals@contoso.example>\r\n",
            "To: fay@fabrikam.example\r\n",
            "Date: Sun, 22 Nov 2026 09:30:00 +0000\r\n",
            "Message-ID: <00000000-0000-0000-0000-000000000007@contoso.example>\r\n",
            "List-Unsubscribe: <https://liaison.example/unsubscribe/x>\r\n",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            "Auto-Submitted: auto-generated\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.contains("multipart/alternative"));
    }

    #[test]
    fn nothing_that_is_written_begins_another_header() {
        for subject in ["x\r\nBcc: all@contoso.example", "x\nBcc: a@b.example\n\nbody", "é\r\n\r\nx"] {
            let text = written(&letter("fay@fabrikam.example", subject)).unwrap();
            let head = text.split("\r\n\r\n").next().unwrap();
            let lines = head.replace("\r\n ", " ");
            assert!(!lines.lines().any(|it| it.to_ascii_lowercase().starts_with("bcc")), "{text}");
            assert!(head.contains("List-Unsubscribe-Post"), "{text}");
        }
        for to in ["fay@fabrikam.example\r\nBcc: a@b.example", "no address", "a@b.example, c@d.example"] {
            assert!(written(&letter(to, "x")).is_none(), "{to}");
        }
        let unsubscribe = Some("https://a.example/\r\nBcc: a@b.example".to_owned());
        assert!(written(&Letter { unsubscribe, ..letter("fay@fabrikam.example", "x") }).is_none());
    }
}
