//! Bodies that go wrong: one that comes slowly, and one that ends in the middle.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::http::connection::{Phase, SharedPhase};

/// How often a slow body goes on.
const STEP: Duration = Duration::from_millis(100);
const STEPS_PER_SEC: u64 = 10;

/// A body that comes a few bytes at a time.
pub(super) struct SlowBody {
    body: Body,
    step_bytes: usize,
    left: Bytes,
    pause: Option<Pin<Box<Sleep>>>,
}

impl SlowBody {
    /// Slows a body down to about so many bytes a second, one at least every tenth of a second.
    pub(super) fn new(body: Body, bytes_per_sec: u64) -> Self {
        let step_bytes = usize::try_from((bytes_per_sec / STEPS_PER_SEC).max(1)).unwrap_or(usize::MAX);
        Self { body, step_bytes, left: Bytes::new(), pause: None }
    }
}

impl HttpBody for SlowBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if self.left.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.left = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return Poll::Ready(other),
            }
        }
        let count = self.step_bytes.min(self.left.len());
        let step = self.left.split_to(count);
        self.pause = Some(Box::pin(sleep(STEP)));
        Poll::Ready(Some(Ok(Frame::data(step))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, left) = (self.body.size_hint(), self.left.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(left));
        }
        hint.set_lower(hint.lower().saturating_add(left));
        hint
    }
}

/// A body of which half of the first piece comes; then its connection is reset.
pub(in crate::http) struct CutBody {
    body: Body,
    phase: SharedPhase,
    course: Course,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Nothing has come.
    Whole,
    /// Half has come, and is on its way out.
    Half,
    /// It is out.
    Sent,
}

impl CutBody {
    /// Breaks a body on the connection with this phase.
    pub(in crate::http) fn new(body: Body, phase: SharedPhase) -> Self {
        Self { body, phase, course: Course::Whole }
    }
}

impl HttpBody for CutBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.course {
            Course::Whole => {
                let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
                self.course = Course::Half;
                let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
                let half = frame.map_data(|mut data| data.split_to(data.len() / 2));
                Poll::Ready(Some(Ok(half)))
            }
            // The connection writes what it has when nothing more is ready.
            Course::Half => {
                self.course = Course::Sent;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Course::Sent => {
                self.phase.set(Phase::Cut);
                Poll::Ready(Some(Err(axum::Error::new(CutOff))))
            }
        }
    }

    /// Of the whole body, as its head announces it.
    fn size_hint(&self) -> SizeHint {
        match self.course {
            Course::Whole => self.body.size_hint(),
            Course::Half | Course::Sent => SizeHint::default(),
        }
    }
}

/// A fault wanted the answer to break here.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off by a fault")]
pub(in crate::http) struct CutOff;
