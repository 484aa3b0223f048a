"""Images for the agents: the files of ``image_directory``, and those of the image store. Nobody logs in here, as for boot files."""

from flask import Blueprint, Response

from agent.protocol.http_server.files import Transfer
from controller.api.file_reply import stream_file
from controller.boot.files import find_image
from controller.boot.urls import IMAGE_STORE_PATH
from controller.errors import NotFound
from controller.images.kept_files import KeptFiles
from controller.workflow.services import Services


def image_blueprint(services: Services) -> Blueprint:
    """Return the routes; their ``services`` are fixed."""
    routes = Blueprint("images", __name__)
    files = KeptFiles(services.settings)

    def note(transfer: Transfer) -> None:
        services.measures.note_file("image", transfer.sent_bytes)

    @routes.get(f"{IMAGE_STORE_PATH}/<uuid>")
    def _stored_image(uuid: str) -> Response:
        path = files.find(uuid)
        if path is None:
            raise NotFound(
                f"image {uuid[:100]!r} could not be found in this controller's store; see GET /v1/images"
            )
        return stream_file(path, on_end=note)

    @routes.get("/images/<path:name>")
    def _image(name: str) -> Response:
        return stream_file(find_image(name, services.settings), on_end=note)

    return routes
