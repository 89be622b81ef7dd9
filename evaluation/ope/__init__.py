"""Counterfactual evaluation: what a policy would have earned, from the logs of another one that gave its propensities.

Every estimator returns one value for each list, [n] float64, whose mean is the estimate. Their bootstrap over users
(`evaluation.intervals.bootstrap`) is its interval, and the mean of their difference to the rewards is the gain over the logging
policy. An estimator that is no plain mean (a ratio, a fitted model) returns its linearisation, so that this holds as well.
"""
