"""What stores behind HTTP have in common, whatever they call things."""
