"""Monitoring: has users' behaviour drifted from what the release learned from, and do they accept its recommendations?"""
