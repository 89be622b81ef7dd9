"""Monitoring: is what people do now still what the release learned from, and do they take what it recommends?"""
