//! The securt solution: motion, tracking, areas, lines, crops.
