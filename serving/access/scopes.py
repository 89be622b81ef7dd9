"""What each route needs. One table, so that one look says who may do what; a route that is not in it cannot be made."""

from __future__ import annotations

from serving.access.callers import Scope

OPEN = None  # to everybody who reaches the port: probes and scrapers have no key
SCOPES = {
    ("GET", "/recommend/{user_id}"): Scope.READ,
    ("POST", "/recommend/{user_id}"): Scope.READ,
    ("GET", "/recommend/{user_id}/why/{item_id}"): Scope.READ,
    ("POST", "/rank"): Scope.READ,
    ("POST", "/session/recommend"): Scope.READ,
    ("GET", "/search"): Scope.READ,
    ("GET", "/trending"): Scope.READ,
    ("GET", "/new"): Scope.READ,
    ("GET", "/genres"): Scope.READ,
    ("GET", "/people/{name}"): Scope.READ,
    ("GET", "/items/{item_id}"): Scope.READ,
    ("GET", "/items/{item_id}/similar"): Scope.READ,
    ("GET", "/map"): Scope.READ,
    ("GET", "/map/users/{user_id}"): Scope.READ,
    ("GET", "/onboarding"): Scope.READ,
    ("GET", "/users"): Scope.READ,
    ("GET", "/users/{user_id}/history"): Scope.READ,
    ("POST", "/events"): Scope.EVENTS,
    ("POST", "/users/{user_id}/onboarding"): Scope.EVENTS,
    ("PATCH", "/items/{item_id}"): Scope.ADMIN,
    ("DELETE", "/users/{user_id}"): Scope.ADMIN,
    ("POST", "/admin/retrain"): Scope.ADMIN,
    ("GET", "/admin/decisions"): Scope.ADMIN,
    ("GET", "/admin/experiments"): Scope.ADMIN,
    ("POST", "/admin/experiments/{name}/start"): Scope.ADMIN,
    ("POST", "/admin/experiments/{name}/stop"): Scope.ADMIN,
    ("GET", "/provenance/{request_id}"): Scope.ADMIN,
    ("GET", "/domain"): Scope.READ,
    ("GET", "/admin/releases"): Scope.ADMIN,
    ("POST", "/admin/releases/{version}/promote"): Scope.ADMIN,
    ("POST", "/admin/releases/rollback"): Scope.ADMIN,
    ("GET", "/admin/acceptance"): Scope.ADMIN,
    ("GET", "/admin/status"): Scope.ADMIN,
    ("GET", "/health/live"): OPEN,
    ("GET", "/health/ready"): OPEN,
    ("GET", "/metrics"): OPEN,
    ("GET", "/version"): OPEN,
}
