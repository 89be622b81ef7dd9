"""Column names of every table that Marquee writes: the lake, the training sets and the feature sources."""

EVENT_ID = "event_id"
REQUEST_ID = "request_id"
EXTERNAL_USER = "external_user"  # the original id of the user, where it is not an integer; else null
USER = "user_id"
ITEM = "item_id"
KIND = "kind"
VALUE = "value"
TS = "ts"  # Unix seconds, float64, UTC
DAY = "day"  # ISO date of `ts` in UTC: the partition of a lake table
OFFSET = "log_offset"  # position in the event log; -1 for rows that were imported

POSITION = "position"
PROPENSITY = "propensity"
WEIGHT = "weight"  # how much an event counts when a ranker learns from it
SCORE = "score"
POLICY = "policy"
ARM = "arm"
MODEL_VERSION = "model_version"
SECONDS = "seconds"  # that it took to make a list
FAILED = "failed"  # whether the arm's own release could not make the list
DEGRADED = "degraded"  # whether a part of the pipeline did not answer
SHADOW = "shadow"  # whether nobody saw the list
OVERLAP = "overlap"  # share of a list's items that are also in the list of another release for the same request
MADE_FROM = "made_from"  # what a list was made from, a JSON object (`core.events.MadeFrom`)
LABEL = "label"  # of the slot that placed the item; null where nobody placed it
EXPLORED = "explored"  # whether exploration put the item there

TITLE = "title"
GENRES = "genres"
YEAR = "year"
OVERVIEW = "overview"
TAGS = "tags"
TAG = "tag"
PEOPLE = "people"
KEYWORDS = "keywords"
POSTER = "poster"
LANGUAGE = "language"
TMDB_ID = "tmdb_id"
PROFILE = "profile"
HIDDEN = "hidden"  # whether the item is kept out of every list
MATURITY = "maturity"  # the age in years from which the item is suitable
AVAILABLE_FROM = "available_from"  # Unix seconds from which the item may be shown
AVAILABLE_UNTIL = "available_until"  # Unix seconds from which it may not be shown any more
SERIES = "series"
COST = "cost"  # of the licence, for one play, in a unit of the company's choice
RUNTIME = "runtime"  # minutes
ABSENT = "absent"  # whether the last whole catalogue lacked the item, which keeps it out of every list as well

POLICY_ID = "policy_id"
NAME = "name"
BODY = "body"
FIRST_SEEN = "first_seen"

KEY = "key"  # the number that stands for an id of another system
ID = "id"

NUMBER = "number"  # of an entry of the promotion ledger: 1, 2, 3, ...
ACTOR = "actor"
ACTION = "action"
ALIAS = "alias"
VERSION = "version"
RELEASE = "release"
FROM_VERSION = "from_version"
WHY = "why"
EVIDENCE = "evidence"  # a JSON object
PREVIOUS_HASH = "previous_hash"
HASH = "hash"
