//! For tests only: sandbox, fake and hostile children, oracles.
