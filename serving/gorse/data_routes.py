"""Users, items and feedback."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request

from core.errors import NotFound
from core.ids import ExternalId, parse_id
from serving.gorse.facade import Records, cursor, place_of
from serving.gorse.records import BadRequest, Feedback, Item, User, as_object
from serving.gorse.requests import DEFAULT_N, body_of, number

Json = dict[str, Any]


class DataRoutes:
    """Each method answers one route."""

    def __init__(self, records: Records) -> None:
        self.records, self.store = records, records.gorse.store

    # users

    async def insert_user(self, request: Request) -> Json:
        return await self._put_users([await body_of(request)])

    async def insert_users(self, request: Request) -> Json:
        return await self._put_users(_array(await body_of(request)))

    async def get_user(self, request: Request) -> Json:
        return (await self._user(request)).to_json()

    async def get_users(self, request: Request) -> Json:
        n = _size(request)
        found = await asyncio.to_thread(self.store.users, "".join(place_of(request.query_params.get("cursor", ""))), n + 1)
        behind = cursor(found[n - 1].user_id) if len(found) > n else ""
        return {"Cursor": behind, "Users": [one.to_json() for one in found[:n]]}

    async def patch_user(self, request: Request) -> Json:
        user, sent = await self._user(request), as_object(await body_of(request))
        patched = User.of({"UserId": user.user_id, "Labels": sent.get("Labels"), "Comment": sent.get("Comment")})
        labels = user.labels if patched.labels is None else patched.labels
        comment = user.comment if sent.get("Comment") is None else patched.comment
        await asyncio.to_thread(self.store.put_users, [User(user.user_id, labels, comment)])
        return _affected(1)

    async def delete_user(self, request: Request) -> Json:
        """Erases what Marquee knows of the user as well."""
        user_id = request.path_params["user_id"]
        user = _id(user_id)
        await asyncio.to_thread(self.records.api.erase, user)
        self.records.api.service.forget(user)
        await asyncio.to_thread(self.store.forget_user, user_id)
        return _affected(1)

    # items

    async def insert_item(self, request: Request) -> Json:
        return await self._put_items([await body_of(request)])

    async def insert_items(self, request: Request) -> Json:
        return await self._put_items(_array(await body_of(request)))

    async def get_item(self, request: Request) -> Json:
        return (await self._item(request)).to_json()

    async def get_items(self, request: Request) -> Json:
        """With `q`, those that it finds."""
        query, n = request.query_params.get("q", ""), _size(request)
        if query:
            hits, _ = await self.records.api.films.search(query[:200], None, min(n, 100))
            facts = self.records.api.films.facts
            ids = [str(facts.describe(one.row)["item_id"]) for one in hits]
            found = [item for one in ids if (item := await asyncio.to_thread(self.records.item, one))]
            return {"Cursor": "", "Items": [one.to_json() for one in found]}
        after = "".join(place_of(request.query_params.get("cursor", "")))
        behind, items = await asyncio.to_thread(self.records.page_of_items, after, n)
        return {"Cursor": behind, "Items": [one.to_json() for one in items]}

    async def patch_item(self, request: Request) -> Json:
        item = await self._item(request)
        await self.records.insert_items([item.patched(as_object(await body_of(request)))])
        return _affected(1)

    async def delete_item(self, request: Request) -> Json:
        """The catalogue keeps it, hidden: models and logs still name it."""
        item_id = request.path_params["item_id"]
        _id(item_id)
        await asyncio.to_thread(self.records.gorse.hide, item_id)
        await asyncio.to_thread(self.store.delete_item, item_id)
        return _affected(1)

    async def insert_category(self, request: Request) -> Json:
        item, name = await self._item(request), request.path_params["category"]
        names = item.categories or ()
        await self.records.insert_items([item.patched({"Categories": [*names, *([] if name in names else [name])]})])
        return _affected(1)

    async def delete_category(self, request: Request) -> Json:
        item, name = await self._item(request), request.path_params["category"]
        await self.records.insert_items([item.patched({"Categories": [one for one in item.categories or () if one != name]})])
        return _affected(1)

    # feedback

    async def post_feedback(self, request: Request) -> Json:
        return await self._put_feedback(request, overwrite=False)

    async def put_feedback(self, request: Request) -> Json:
        return await self._put_feedback(request, overwrite=True)

    async def get_feedback(self, request: Request) -> Json:
        n, kind = _size(request), request.path_params.get("feedback_type", "")
        after = place_of(request.query_params.get("cursor", ""))
        if len(after) not in (0, 3):
            raise BadRequest("the cursor is of another listing")
        found = await asyncio.to_thread(self.store.page_of_feedback, kind, after, n + 1)
        last = found[n - 1] if len(found) > n else None
        behind = cursor(last.feedback_type, last.user_id, last.item_id) if last else ""
        return {"Cursor": behind, "Feedback": [one.to_json() for one in found[:n]]}

    async def feedback_of(self, request: Request) -> list[Json]:
        """Between a user and an item, of a user or of an item, of one type or of all."""
        found = await asyncio.to_thread(lambda: self.store.feedback(**request.path_params))
        return [one.to_json() for one in found]

    async def one_feedback(self, request: Request) -> Json:
        found = await self.feedback_of(request)
        if not found:
            raise NotFound("there is no such feedback")
        return found[0]

    async def delete_feedback(self, request: Request) -> Json:
        """From the records: an event cannot be taken back, and lists still go by it."""
        return _affected(await asyncio.to_thread(lambda: self.store.delete_feedback(**request.path_params)))

    async def _put_users(self, sent: list[Any]) -> Json:
        users = [User.of(one) for one in sent]
        for one in users:
            _id(one.user_id)
        await asyncio.to_thread(self.store.put_users, users)
        return _affected(len(users))

    async def _put_items(self, sent: list[Any]) -> Json:
        items = [Item.of(one) for one in sent]
        if items:
            await self.records.insert_items(items)
        return _affected(len(items))

    async def _put_feedback(self, request: Request, overwrite: bool) -> Json:
        feedback = [Feedback.of(one) for one in _array(await body_of(request))]
        await self.records.insert_feedback(feedback, overwrite)
        return _affected(len(feedback))

    async def _user(self, request: Request) -> User:
        """Also one who came another way and has a history. Raises NotFound."""
        user_id = request.path_params["user_id"]
        found = await asyncio.to_thread(self.store.user, user_id)
        if found is None and await self.records.api.service.known(_id(user_id)) is not None:
            found = User(user_id)
        if found is None:
            raise NotFound(f"{user_id}: user not found")
        return found

    async def _item(self, request: Request) -> Item:
        """Raises NotFound."""
        item_id = request.path_params["item_id"]
        found = await asyncio.to_thread(self.records.item, item_id)
        if found is None:
            raise NotFound(f"{item_id}: item not found")
        return found


def _affected(rows: int) -> Json:
    return {"RowAffected": rows}


def _array(sent: Any) -> list[Any]:
    if not isinstance(sent, list):
        raise BadRequest("the body is no JSON array")
    return sent


def _size(request: Request) -> int:
    n = number(request, "n", DEFAULT_N)
    if not 1 <= n <= 10_000:
        raise BadRequest(f"n is {n}; it is 1 to 10000")
    return n


def _id(text: str) -> ExternalId:
    """Raises BadRequest."""
    try:
        return parse_id(text)
    except ValueError as error:
        raise BadRequest(f"{text!r} is no id; {error}") from None
