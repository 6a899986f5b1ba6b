//! Exit codes (PRODUCT section 2).

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Failed or incomplete.
    Failed = 1,
    /// Arguments that make no sense.
    Usage = 2,
    /// Input that `validate` would refuse, a missing file too (`EX_CONFIG` of sysexits.h).
    Refused = 78,
}

impl Exit {
    /// Every exit code, with its meaning for people.
    pub const ALL: [(Self, &str); 4] = [
        (Self::Done, "done"),
        (Self::Failed, "failed or incomplete"),
        (Self::Usage, "arguments that make no sense"),
        (Self::Refused, "input that `watchpost validate` would refuse, a missing file too"),
    ];
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
