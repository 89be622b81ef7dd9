"""Engines that evaluate the definition of the user features (`feature_repo.transforms`) over whole tables."""
