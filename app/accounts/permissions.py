"""Who may do what, and how far: the one table of permissions. `reach.py` is the one place that applies it.

What stands in no row of the table is allowed to nobody. A role reaches only as far as its scope, on the days of
its assignment. `docs/permissions.md` shows the table together with the routes that ask for each action.
"""

from collections.abc import Mapping
from enum import StrEnum

from app.accounts.rules import Pass, Role


class Scope(StrEnum):
    """How far a role reaches with an action."""

    OWN = "own account"
    LESSON = "own lesson"  # taught by the person, or reaching a site at which the role is held
    ROOM = "own room"  # lessons that are given in it, or reach it
    SUBTREE = "own unit and below"
    COUNTY = "county"


class Action(StrEnum):
    """Everything the product lets people do."""

    ME_SHOW = "me.show"
    PERSON_ADMIT = "person.admit"
    PERSON_LIST = "person.list"
    PERSON_SHOW = "person.show"
    PERSON_CHANGE = "person.change"
    PERSON_RESET = "person.reset_password"
    PERSON_RESET_FACTOR = "person.reset_second_factor"
    PERSON_CLOSE = "person.close"
    PERSON_EXPORT = "person.export"
    PERSON_ERASE = "person.erase"
    ASSIGNMENT_CHANGE = "assignment.change"
    PASSWORD_CHANGE = "password.change"
    SECOND_FACTOR_SHOW = "second_factor.show"
    SECOND_FACTOR_SET = "second_factor.set"
    MAIL_ADDRESS_SHOW = "mail_address.show"
    MAIL_ADDRESS_SET = "mail_address.set"
    IDENTITY_SHOW = "identity.show"
    IDENTITY_SET = "identity.set"
    SIGN_IN_LIST = "sign_in.list"
    SIGN_IN_END = "sign_in.end"
    ACCESS_TOKEN_MINT = "access_token.mint"
    ACCESS_TOKEN_LIST = "access_token.list"
    ACCESS_TOKEN_REVOKE = "access_token.revoke"
    PUPIL_ADD = "pupil.add"
    PUPIL_SHOW = "pupil.show"
    PUPIL_ERASE = "pupil.erase"
    ORG_UNIT_ADD = "org_unit.add"
    ORG_UNIT_CHANGE = "org_unit.change"
    ORG_UNIT_SHOW = "org_unit.show"
    ROOM_ADD = "room.add"
    ROOM_CHANGE = "room.change"
    ROOM_SHOW = "room.show"
    TERMINAL_ADD = "terminal.add"
    TERMINAL_LIST = "terminal.list"
    TERMINAL_REMOVE = "terminal.remove"
    PUPIL_GROUP_ADD = "pupil_group.add"
    PUPIL_GROUP_CHANGE = "pupil_group.change"
    PUPIL_GROUP_SHOW = "pupil_group.show"
    SUBJECT_SET = "subject.set"
    SUBJECT_SHOW = "subject.show"
    HEADCOUNT_SET = "headcount.set"
    HEADCOUNT_SHOW = "headcount.show"
    CURRICULUM_SET = "curriculum.set"
    CURRICULUM_SHOW = "curriculum.show"
    COVERAGE_SHOW = "coverage.show"
    PAIRING_ADD = "pairing.add"
    PAIRING_ANSWER = "pairing.answer"
    PAIRING_DECIDE = "pairing.decide"
    PAIRING_SUGGEST = "pairing.suggest"
    PAIRING_SHOW = "pairing.show"
    TERM_ADD = "term.add"
    TERM_CHANGE = "term.change"
    TERM_SHOW = "term.show"
    CALENDAR_SET = "calendar.set"
    CALENDAR_SHOW = "calendar.show"
    BELLS_ADD = "bells.add"
    BELLS_CHANGE = "bells.change"
    BELLS_SHOW = "bells.show"
    ENTRY_PLAN = "entry.plan"
    ENTRY_SHOW = "entry.show"
    ENTRY_CHANGE = "entry.change"
    TIMETABLE_PUBLISH = "timetable.publish"
    LESSON_SHOW = "lesson.show"
    LESSON_CANCEL = "lesson.cancel"
    LESSON_END = "lesson.end"
    LESSON_CHANGE = "lesson.change"
    LESSON_INVITE = "lesson.invite"
    LESSON_JOIN = "lesson.join"
    LESSON_QUALITY = "lesson.quality"
    LESSON_TEACH = "lesson.teach"
    LESSON_ANSWER = "lesson.answer"
    LESSON_OBSERVE = "lesson.observe"
    LESSON_PRESENT = "lesson.present"
    FEED_ADD = "calendar_feed.add"
    FEED_SHOW = "calendar_feed.show"
    FEED_REVOKE = "calendar_feed.revoke"
    NOTICE_SHOW = "notice.show"
    NOTICE_READ = "notice.read"
    NOTICE_SET = "notice.set"
    WEBHOOK_ADD = "webhook.add"
    WEBHOOK_SHOW = "webhook.show"
    WEBHOOK_CHANGE = "webhook.change"
    WEBHOOK_REMOVE = "webhook.remove"
    LETTER_SHOW = "letter.show"
    LETTER_SEND = "letter.send"
    TABLE_IMPORT = "table.import"
    TABLE_EXPORT = "table.export"
    REPORT_SHOW = "report.show"
    AUDIT_SHOW = "audit.show"
    RELAY_SHOW = "relay.show"
    RELAY_DRAIN = "relay.drain"


_NO, _LESSON, _SUBTREE, _COUNTY = None, Scope.LESSON, Scope.SUBTREE, Scope.COUNTY

_ROLES = (Role.BUREAU_ADMIN, Role.SCHOOL_ADMIN, Role.TEACHER, Role.SITE_ASSISTANT)
_ROWS: Mapping[Action, tuple[Scope | None, Scope | None, Scope | None, Scope | None]] = {
    #                       bureau_admin school_admin teacher  site_assistant
    Action.PERSON_ADMIT: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PERSON_LIST: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PERSON_SHOW: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PERSON_CHANGE: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PERSON_RESET: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PERSON_RESET_FACTOR: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PERSON_CLOSE: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PERSON_EXPORT: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PERSON_ERASE: (_COUNTY, _NO, _NO, _NO),
    Action.ASSIGNMENT_CHANGE: (_COUNTY, _SUBTREE, _NO, _NO),
    # Named children are their school's business: the bureau counts heads. It may erase whom it is asked to.
    Action.PUPIL_ADD: (_NO, _SUBTREE, _NO, _NO),
    Action.PUPIL_SHOW: (_NO, _SUBTREE, _NO, _NO),
    Action.PUPIL_ERASE: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.ORG_UNIT_ADD: (_COUNTY, _NO, _NO, _NO),
    Action.ORG_UNIT_CHANGE: (_COUNTY, _NO, _NO, _NO),
    Action.ORG_UNIT_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.ROOM_ADD: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.ROOM_CHANGE: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.ROOM_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.TERMINAL_ADD: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.TERMINAL_LIST: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.TERMINAL_REMOVE: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PUPIL_GROUP_ADD: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PUPIL_GROUP_CHANGE: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PUPIL_GROUP_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.SUBJECT_SET: (_COUNTY, _NO, _NO, _NO),
    Action.SUBJECT_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.HEADCOUNT_SET: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.HEADCOUNT_SHOW: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.CURRICULUM_SET: (_COUNTY, _NO, _NO, _NO),
    Action.CURRICULUM_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.COVERAGE_SHOW: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PAIRING_ADD: (_COUNTY, _NO, _NO, _NO),
    Action.PAIRING_ANSWER: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PAIRING_DECIDE: (_COUNTY, _NO, _NO, _NO),
    Action.PAIRING_SUGGEST: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.PAIRING_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.TERM_ADD: (_COUNTY, _NO, _NO, _NO),
    Action.TERM_CHANGE: (_COUNTY, _NO, _NO, _NO),
    Action.TERM_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.CALENDAR_SET: (_COUNTY, _NO, _NO, _NO),
    Action.CALENDAR_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.BELLS_ADD: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.BELLS_CHANGE: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.BELLS_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.ENTRY_PLAN: (_COUNTY, _NO, _NO, _NO),
    Action.ENTRY_SHOW: (_COUNTY, _COUNTY, _COUNTY, _COUNTY),
    Action.ENTRY_CHANGE: (_COUNTY, _NO, _NO, _NO),
    Action.TIMETABLE_PUBLISH: (_COUNTY, _NO, _NO, _NO),
    Action.LESSON_SHOW: (_COUNTY, _SUBTREE, _LESSON, _LESSON),
    Action.LESSON_CANCEL: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.LESSON_END: (_COUNTY, _SUBTREE, _LESSON, _NO),
    Action.LESSON_CHANGE: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.LESSON_INVITE: (_COUNTY, _SUBTREE, _LESSON, _NO),
    Action.LESSON_JOIN: (_COUNTY, _SUBTREE, _LESSON, _LESSON),
    Action.LESSON_QUALITY: (_COUNTY, _SUBTREE, _LESSON, _LESSON),
    Action.LESSON_TEACH: (_NO, _NO, _LESSON, _NO),
    Action.LESSON_ANSWER: (_NO, _NO, _NO, _LESSON),
    Action.LESSON_OBSERVE: (_COUNTY, _SUBTREE, _NO, _NO),
    # Everybody may have an address for the own lessons, whoever looks after a place one for the place's.
    Action.FEED_ADD: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.FEED_SHOW: (_COUNTY, _NO, _NO, _NO),
    Action.FEED_REVOKE: (_COUNTY, _NO, _NO, _NO),
    Action.WEBHOOK_ADD: (_COUNTY, _NO, _NO, _NO),
    Action.WEBHOOK_SHOW: (_COUNTY, _NO, _NO, _NO),
    Action.WEBHOOK_CHANGE: (_COUNTY, _NO, _NO, _NO),
    Action.WEBHOOK_REMOVE: (_COUNTY, _NO, _NO, _NO),
    Action.LETTER_SHOW: (_COUNTY, _NO, _NO, _NO),
    Action.LETTER_SEND: (_COUNTY, _NO, _NO, _NO),
    # Each row also takes what adding it, or showing it, takes.
    Action.TABLE_IMPORT: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.TABLE_EXPORT: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.REPORT_SHOW: (_COUNTY, _SUBTREE, _NO, _NO),
    Action.AUDIT_SHOW: (_COUNTY, _NO, _NO, _NO),
    Action.RELAY_SHOW: (_COUNTY, _NO, _NO, _NO),
    Action.RELAY_DRAIN: (_COUNTY, _NO, _NO, _NO),
}
TABLE: Mapping[Action, Mapping[Role, Scope]] = {
    action: {role: scope for role, scope in zip(_ROLES, row, strict=True) if scope is not None}
    for action, row in _ROWS.items()
}

# What may be done without an account: by a room's terminal, and with a guest link. Everything else is refused to them.
_ROOM = Scope.ROOM
_PASSES = (Pass.TERMINAL, Pass.GUEST_TEACHER, Pass.GUEST_OBSERVER)
_PASS_ROWS: Mapping[Action, tuple[Scope | None, Scope | None, Scope | None]] = {
    #                      terminal guest_teacher guest_observer
    Action.LESSON_SHOW: (_ROOM, _LESSON, _LESSON),
    Action.LESSON_JOIN: (_ROOM, _LESSON, _LESSON),
    Action.LESSON_QUALITY: (_ROOM, _LESSON, _NO),
    Action.LESSON_TEACH: (_NO, _LESSON, _NO),
    Action.LESSON_ANSWER: (_ROOM, _NO, _NO),
    Action.LESSON_OBSERVE: (_NO, _NO, _LESSON),
    Action.LESSON_PRESENT: (_ROOM, _NO, _NO),
    # What lessons are called: the names behind the codes.
    Action.SUBJECT_SHOW: (_COUNTY, _COUNTY, _COUNTY),
}
PASSES: Mapping[Action, Mapping[Pass, Scope]] = {
    action: {held: scope for held, scope in zip(_PASSES, row, strict=True) if scope is not None}
    for action, row in _PASS_ROWS.items()
}

# What is answered holds a secret that is shown once, or names a child: no copy of it is kept for `Idempotency-Key`.
NOT_KEPT = frozenset(
    {
        Action.PERSON_RESET,
        Action.SECOND_FACTOR_SET,
        Action.ACCESS_TOKEN_MINT,
        Action.TERMINAL_ADD,
        Action.LESSON_INVITE,
        Action.FEED_ADD,
        Action.PUPIL_ADD,
        Action.PUPIL_ERASE,
    }
)

# What everybody who is signed in may do with the own account, whatever their roles.
OF_ONESELF = frozenset(
    {
        Action.ME_SHOW,
        Action.PERSON_SHOW,
        Action.PERSON_EXPORT,
        Action.PASSWORD_CHANGE,
        Action.SECOND_FACTOR_SHOW,
        Action.SECOND_FACTOR_SET,
        Action.MAIL_ADDRESS_SHOW,
        Action.MAIL_ADDRESS_SET,
        Action.IDENTITY_SHOW,
        Action.IDENTITY_SET,
        Action.SIGN_IN_LIST,
        Action.SIGN_IN_END,
        Action.ACCESS_TOKEN_MINT,
        Action.ACCESS_TOKEN_LIST,
        Action.ACCESS_TOKEN_REVOKE,
        Action.FEED_ADD,
        Action.FEED_SHOW,
        Action.FEED_REVOKE,
        Action.NOTICE_SHOW,
        Action.NOTICE_READ,
        Action.NOTICE_SET,
    }
)

# What no token for scripts is good for: whoever finds one must not get hold of an account or a screen with it.
IN_PERSON = frozenset(
    {
        Action.PASSWORD_CHANGE,
        Action.SECOND_FACTOR_SET,
        Action.MAIL_ADDRESS_SET,
        Action.IDENTITY_SET,
        Action.PERSON_CHANGE,
        Action.PERSON_RESET,
        Action.PERSON_RESET_FACTOR,
        Action.TERMINAL_ADD,
        Action.SIGN_IN_LIST,
        Action.SIGN_IN_END,
        Action.ACCESS_TOKEN_MINT,
        Action.ACCESS_TOKEN_LIST,
        Action.ACCESS_TOKEN_REVOKE,
    }
)

# Whom an administrator may appoint.
APPOINTABLE: Mapping[Role, frozenset[Role]] = {
    Role.BUREAU_ADMIN: frozenset(Role),
    Role.SCHOOL_ADMIN: frozenset({Role.TEACHER, Role.SITE_ASSISTANT}),
}

# To whom the thing an action is about exists at all: whoever may not even do this is told that it is not there.
# Actions without a line here are their own measure.
SEEN_BY: Mapping[Action, Action] = {
    Action.ORG_UNIT_ADD: Action.ORG_UNIT_SHOW,
    Action.ORG_UNIT_CHANGE: Action.ORG_UNIT_SHOW,
    Action.ROOM_ADD: Action.ORG_UNIT_SHOW,
    Action.ROOM_CHANGE: Action.ROOM_SHOW,
    Action.BELLS_ADD: Action.ORG_UNIT_SHOW,
    Action.BELLS_CHANGE: Action.BELLS_SHOW,
    Action.PERSON_ADMIT: Action.ORG_UNIT_SHOW,
    Action.PAIRING_ADD: Action.ROOM_SHOW,
    Action.PUPIL_GROUP_ADD: Action.ORG_UNIT_SHOW,
    Action.PUPIL_GROUP_CHANGE: Action.PUPIL_GROUP_SHOW,
    Action.SUBJECT_SET: Action.SUBJECT_SHOW,
    Action.HEADCOUNT_SET: Action.ORG_UNIT_SHOW,
    Action.HEADCOUNT_SHOW: Action.ORG_UNIT_SHOW,
    Action.CURRICULUM_SET: Action.CURRICULUM_SHOW,
    Action.COVERAGE_SHOW: Action.ORG_UNIT_SHOW,
    Action.PAIRING_SUGGEST: Action.ORG_UNIT_SHOW,
    Action.PAIRING_ANSWER: Action.PAIRING_SHOW,
    Action.PAIRING_DECIDE: Action.PAIRING_SHOW,
    Action.ENTRY_PLAN: Action.ROOM_SHOW,
    Action.FEED_ADD: Action.ROOM_SHOW,
    Action.TERM_ADD: Action.TERM_SHOW,
    Action.TERM_CHANGE: Action.TERM_SHOW,
    Action.CALENDAR_SET: Action.CALENDAR_SHOW,
    Action.PERSON_CHANGE: Action.PERSON_SHOW,
    Action.PERSON_RESET: Action.PERSON_SHOW,
    Action.PERSON_RESET_FACTOR: Action.PERSON_SHOW,
    Action.PERSON_CLOSE: Action.PERSON_SHOW,
    Action.PERSON_EXPORT: Action.PERSON_SHOW,
    Action.PERSON_ERASE: Action.PERSON_SHOW,
    Action.ASSIGNMENT_CHANGE: Action.PERSON_SHOW,
    Action.LESSON_CANCEL: Action.LESSON_SHOW,
    Action.LESSON_END: Action.LESSON_SHOW,
    Action.LESSON_CHANGE: Action.LESSON_SHOW,
    Action.ENTRY_CHANGE: Action.ENTRY_SHOW,
    Action.TIMETABLE_PUBLISH: Action.TERM_SHOW,
    Action.LESSON_INVITE: Action.LESSON_SHOW,
    Action.TERMINAL_ADD: Action.ROOM_SHOW,
}
