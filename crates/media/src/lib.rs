//! Everything GStreamer: decode, render, encode, mux, stills.
