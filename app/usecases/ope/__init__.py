"""`marquee ope`: a policy judged from the logs of another one, before anybody sees its lists."""
