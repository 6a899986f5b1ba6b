//! Dynamic strings: parse, render, confine.
