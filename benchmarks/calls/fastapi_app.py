"""FastAPI as its tutorial has it: models of pydantic in and out."""

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

app = FastAPI()


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    order: str
    buyer: str
    amount: int
    note: str


class Total(BaseModel):
    order: str
    total: int


@app.post("/orders")
async def calculate(order: Order) -> Total:
    return Total(order=order.order, total=order.amount + 1)
