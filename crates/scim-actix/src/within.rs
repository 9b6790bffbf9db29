//! A time for what a request waits for.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// What a future comes to, or `None` where that takes longer than `left` says. What is ready at once, as most requests are,
/// needs no timer. The future is pinned where it was made: those of requests have kilobytes, and are copied each time they move.
pub(crate) async fn within<F: Future>(
    left: impl FnOnce() -> Duration,
    mut future: Pin<&mut F>,
) -> Option<F::Output> {
    let at_once = poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    });
    match at_once.await {
        Some(output) => Some(output),
        None => actix_web::rt::time::timeout(left(), future).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;

    use super::*;

    #[actix_web::test]
    async fn what_is_ready_is_in_time_and_what_never_is_ends() {
        assert_eq!(within(|| Duration::ZERO, pin!(ready(7))).await, Some(7));
        assert_eq!(within(|| Duration::from_millis(1), pin!(pending::<u8>())).await, None);
        let soon = async {
            actix_web::rt::task::yield_now().await;
            8
        };
        assert_eq!(within(|| Duration::from_secs(60), pin!(soon)).await, Some(8));
    }
}
