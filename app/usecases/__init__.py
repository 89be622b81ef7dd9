"""What commands do, assembled from the packages below."""
