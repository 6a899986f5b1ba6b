//! By which spans each line of the program's log says whose it is: the instance, and within it the receiver. Whatever is
//! spawned for one of them goes on within its span.

use tracing::{Span, error_span, field};

/// What is done for an instance. At the level of errors, so that it is there whatever is logged.
pub(crate) fn instance(name: &str) -> Span {
    error_span!("instance", instance = field::display(name))
}

/// What is done for an export, an exporter or `preprocess`.
pub(crate) fn receiver(name: &str) -> Span {
    error_span!("receiver", receiver = field::display(name))
}

/// The instance has another name.
pub(crate) fn renamed(span: &Span, name: &str) {
    span.record("instance", field::display(name));
}
