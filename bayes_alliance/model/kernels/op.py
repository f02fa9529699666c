"""One PyTensor operation for every compiled kernel.

A kernel is a pair of Numba functions: the forward pass, and the reverse pass that turns the
cotangents of the outputs into those of the differentiable inputs.

Invariant: an input that is not declared differentiable has no gradient at all, so that asking
for one is an error and not a silent zero.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

__all__ = ["Kernel"]


class Kernel(Op):
    """A compiled function of arrays with a hand-written reverse pass.

    Parameters
    ----------
    name : str
        Unique name of the kernel.
    forward : callable
        Numba function of the inputs, which returns a tuple of float arrays, or one array.
    like : tuple of int
        For each output, the input whose shape it has.
    reverse : callable, optional
        Numba function of (inputs, outputs, cotangents of the first ``differentiable_outputs``
        outputs), which returns the cotangents of the differentiable inputs in their order.
    differentiable : tuple of int
        Positions of the differentiable inputs.
    differentiable_outputs : int
        How many of the outputs, counted from the first, may be differentiated through.
    """

    __props__ = ("name",)

    def __init__(self, name: str, forward: Callable[..., Any], like: tuple[int, ...],
                 reverse: Callable[..., Any] | None = None,
                 differentiable: tuple[int, ...] = (), differentiable_outputs: int = 1) -> None:
        self.name = name
        self.forward = forward
        self.like = like
        self.reverse = reverse
        self.differentiable = differentiable
        self.differentiable_outputs = differentiable_outputs

    def make_node(self, *inputs: Any) -> Apply:
        """Take any tensors as they are; shapes are the caller's business."""
        given = [pt.as_tensor_variable(value) for value in inputs]
        outputs = [pt.tensor(dtype="float64", shape=given[i].type.shape) for i in self.like]
        return Apply(self, given, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Run the forward pass outside a compiled graph."""
        result = self.forward(*inputs)
        for storage, value in zip(output_storage, result if len(self.like) > 1 else (result,),
                                  strict=True):
            storage[0] = value

    def infer_shape(self, fgraph: Any, node: Apply, shapes: Any) -> Any:
        """Return the shapes of the inputs that the outputs are like."""
        return [shapes[i] for i in self.like]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say which output depends differentiably on which input."""
        through = [k < self.differentiable_outputs for k in range(len(self.like))]
        return [through if i in self.differentiable else [False] * len(self.like)
                for i in range(len(node.inputs))]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Return the cotangents of the inputs."""
        if self.reverse is None:
            raise NotImplementedError(f"{self.name} has no reverse pass")
        used = self.differentiable_outputs
        filled = [pt.zeros_like(output) if isinstance(one.type, DisconnectedType) else one
                  for output, one in zip(outputs[:used], cotangents[:used], strict=True)]
        back = Kernel(f"{self.name}_reverse", self.reverse, self.differentiable)
        found = back(*inputs, *outputs, *filled)
        found = iter(found if isinstance(found, list) else [found])
        return [next(found) if i in self.differentiable else disconnected_type()
                for i in range(len(inputs))]


@register_funcify_default_op_cache_key(Kernel)
def _compile_kernel(op: Kernel, **kwargs: Any) -> Any:
    # The disk cache goes by this number: a changed source must never find old machine code.
    function: Any = op.forward
    source = inspect.getsource(sys.modules[function.py_func.__module__])
    return op.forward, int(hashlib.sha256(source.encode()).hexdigest()[:12], 16)
