"""A CloudFormation that creates nothing: it takes change sets, keeps what they ask for and reports success."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl

Request = dict[str, str]

NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
ID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/{0}/1"
TIME = "2026-01-01T00:00:00Z"


@dataclass
class CloudFormation:
    """`bucket` is what SAM's own stack names. `change_sets` holds the requests, `executed` the names of stacks."""

    url: str
    bucket: str
    change_sets: list[Request] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> str | None:
        """Returns the result's XML, or None for a stack that doesn't exist."""
        stack = request.get("StackName", "").partition("stack/")[2].partition("/")[0] or request.get("StackName", "")
        match request["Action"]:
            case "CreateChangeSet":
                self.change_sets.append(request)
                return f"<Id>{ID.format('change')}</Id><StackId>{ID.format(stack)}</StackId>"
            case "DescribeChangeSet":
                change = _change("Queue", "AWS::SQS::Queue")
                return (
                    f"<Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus>"
                    f"<StackName>{stack}</StackName><ChangeSetId>{ID.format('change')}</ChangeSetId>"
                    f"<StackId>{ID.format(stack)}</StackId><Changes>{change}</Changes>"
                )
            case "ExecuteChangeSet":
                self.executed.append(self.change_sets[-1]["StackName"])
                return ""
            case "DescribeStackEvents":
                return f"<StackEvents>{_event(stack)}</StackEvents>"
            case "DescribeStacks":
                return self._stack(stack)
        return ""

    def _stack(self, stack: str) -> str | None:
        if stack == "aws-sam-cli-managed-default":
            outputs = f"<member><OutputKey>SourceBucket</OutputKey><OutputValue>{self.bucket}</OutputValue></member>"
            tags = "<member><Key>ManagedStackSource</Key><Value>AwsSamCli</Value></member>"
        elif stack in self.executed:
            outputs = "<member><OutputKey>WebhookUrl</OutputKey><OutputValue>https://api.test</OutputValue></member>"
            tags = ""
        else:
            return None
        return (
            f"<Stacks><member><StackName>{stack}</StackName><StackId>{ID.format(stack)}</StackId>"
            f"<CreationTime>{TIME}</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>"
            f"<Outputs>{outputs}</Outputs><Tags>{tags}</Tags></member></Stacks>"
        )


def _change(name: str, kind: str) -> str:
    return (
        f"<member><Type>Resource</Type><ResourceChange><Action>Add</Action><LogicalResourceId>{name}</LogicalResourceId>"
        f"<ResourceType>{kind}</ResourceType></ResourceChange></member>"
    )


def _event(stack: str) -> str:
    return (
        f"<member><StackId>{ID.format(stack)}</StackId><EventId>1</EventId><StackName>{stack}</StackName>"
        f"<LogicalResourceId>{stack}</LogicalResourceId><PhysicalResourceId>{ID.format(stack)}</PhysicalResourceId>"
        f"<ResourceType>AWS::CloudFormation::Stack</ResourceType><Timestamp>{datetime.now(UTC).isoformat()}</Timestamp>"
        f"<ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
    )


@contextmanager
def cloudformation(bucket: str) -> Iterator[CloudFormation]:
    """Serves on a free port of this machine."""
    stub = CloudFormation("", bucket)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            request = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
            result, action = stub.answer(request), request["Action"]
            body = (
                f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{result}</{action}Result></{action}Response>'
                if result is not None
                else f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>ValidationError</Code>'
                f"<Message>Stack with id {request['StackName']} does not exist</Message></Error></ErrorResponse>"
            )
            self.send_response(200 if result is not None else 400)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
