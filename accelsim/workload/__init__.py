"""From a model to its operators, parameters and floating-point operations."""
