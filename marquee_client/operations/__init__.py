"""Every operation of the API as a function that makes its `Call`: named and described as in the OpenAPI document."""
