"""The OMNI API as a client library: models, client, statuses, errors, XML. It knows nothing of the relay.

from omni.authorization import app
from omni.client import OmniClient
from omni.models import Destination, TextRequest, To

request = TextRequest(destinations=(Destination(to=To(phone_number="41793026727")),), text="Hello")
with OmniClient("https://api.infobip.com", app("my-api-key")) as omni:
    for message in omni.send_text(request).messages:
        print(message.message_id, message.status.name)
"""
