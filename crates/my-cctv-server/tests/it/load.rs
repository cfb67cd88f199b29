//! Many viewers at once.
