## collector
