"""HTTP itself: middleware, RFC 9457 problem details and the OpenAPI document."""
