"""The one way a list is made: roles, runner, parts, policies, and releases that follow the world while they serve."""
