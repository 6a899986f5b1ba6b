//! The pipeline, workers, receivers' states, instance life cycle.
