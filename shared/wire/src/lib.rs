//! Everything that another process reads: queue, table, socket and HTTP shapes, versioned.
