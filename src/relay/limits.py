"""Every limit that hostile data meets in relay/, in one table; docs/security.md quotes it.

Two kinds of limits stand elsewhere: a body's size is `MaxBodyBytes` in template.yaml, and the limits of AWS and of the
OMNI API are beside the code that calls them. A limit on the shape of one field is part of its pattern, such as a
scenario's name of at most 128 letters.
"""

# The request.
HEADER_BYTES = 16_384  # names and values of all headers; API Gateway lets 10,240 through
FORM_FIELDS = 1_000  # of a form, and of a query that is signed; reading them costs time
JSON_LEVELS = 64  # objects and lists within each other; later steps recurse into them
NUMBER_CHARS = 64  # of a number in JSON; longer ones cost quadratic time
EVENT_ID_CHARS = 256  # a hash stands for a longer id
SENDER_ID_CHARS = 128  # a hash stands for a longer id that a preset finds
REPEAT_SECONDS = 600  # within which the same body under another, unsigned id is the same event
TOKEN_CHARS = 8_192  # of a JSON Web Token; API Gateway lets little more through
CHALLENGE_CHARS = 1_024  # of a value that a handshake echoes

# What a 422 tells, and how much work it may cost.
ERRORS = 20  # fields listed in one answer; a hostile body has thousands of wrong ones
SCHEMA_VALUES = 2_000  # of a body in which a schema looks for all mistakes; in a larger one it stops at the first

# A notification.
FIELDS = 30  # of a notification, its `channels` and a recipient; twice as many as a notification has
RECIPIENTS = 5_000  # of one notification, and of one event over all its routes and items
ADDRESS_CHARS = 320  # of an email address; a phone number as people write it has far fewer
TEXT_CHARS = 20_000  # of each text of a message, and of what a template gives
SUBJECT_CHARS = 1_000  # of a mail's subject
CALLBACK_DATA_CHARS = 4_000  # the API's own limit
URL_CHARS = 2_048  # of `notifyUrl`

# The routes.
EXPRESSION_CHARS = 4_000  # of a JMESPath expression
ITEMS = 500  # of one event in a route's `for_each`; more are a mistake, or an attack
ROUTES_SECONDS = 3.0  # of processor time for all routes of an event; a template has its own limit for each item
SLOW_ITEM_SECONDS = 0.1  # of processor time; an item that fails more slowly ends its route: each may cost as much
STEPS = 10  # of a route's `unless_delivered`
STEP_SECONDS = 86_400  # of a step's `within`; OMNI's logs, which are asked then, go back 48 hours
ITEMS_TOLD = 3  # failed items that a parked route's reason names, and parked parts that a log line names

# One rendering of a template.
TEMPLATE_CHARS = 8_000  # of the template itself
TEMPLATE_ITERATIONS = 10_000  # of all its loops together
TEMPLATE_SECONDS = 0.25  # of processor time, so that a busy machine refuses nothing
TEMPLATE_BUILT_CHARS = 4_000_000  # characters and list entries that filters and operators make on the way to the text
TEMPLATE_NUMBER = 10**77  # of calculations; a number in a body has fewer digits
TEMPLATE_EXPONENT = 256  # of `**`

# A body of pushed delivery reports.
REPORTS = 2_000  # the most that OMNI pushes at once
REPORTS_BYTES = 4_000_000  # 2,000 characters for each; Lambda lets no more than 6 MB through

# What is written down.
REPORT_CHARS = 256  # of each text of a delivery report, such as its channel
EXPLANATION_CHARS = 300  # of OMNI's own words about a refusal, in a parked item
DISPATCHES_TOLD = 20  # dispatches that an event's log line names; it counts all of them
LOG_LEVELS = 32  # of a log record; what is deeper is hidden
LOG_NUMBER_BITS = 256  # of an integer in a log record; larger ones are hidden, because encoders refuse them
