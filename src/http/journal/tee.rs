//! A body that is written down as it goes by.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::app::Captured;

/// A body that is written down, or goes by as it is.
pub(in crate::http) struct Tee<B> {
    body: B,
    captured: Option<Captured>,
}

impl<B> Tee<B> {
    pub(in crate::http) fn new(body: B, captured: Option<Captured>) -> Self {
        Self { body, captured }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Tee<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let (Some(captured), Some(Ok(frame))) = (&self.captured, &frame)
            && let Some(data) = frame.data_ref()
        {
            captured.push(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
