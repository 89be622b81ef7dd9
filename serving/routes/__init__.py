"""The routes, a file for each capability: thin. Each reads its parameters, asks one object, and encodes the answer."""
