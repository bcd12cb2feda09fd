import { readFileSync } from 'node:fs';
import ts from 'typescript';

/**
 * What the settings mean is for the samples and the reference page, which are written from the sources. No bundle needs it,
 * and it is half of the schema.
 */
export const withoutMeanings = {
  name: 'without-meanings',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]settings[\\/]schema[\\/]keys\.ts$/ }, ({ path }) => {
      const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
      const { transformed } = ts.transform(source, [strip]);
      return { contents: ts.createPrinter().printFile(transformed[0]), loader: 'ts' };
    });
  },
};

/** Empties the last argument of `key(type, initial, meaning)`, and properties called `meaning`. */
function strip(context) {
  const { factory } = context;
  const nothing = factory.createStringLiteral('');
  const visit = (node) => {
    if (ts.isCallExpression(node) && node.expression.getText() === 'key') {
      const [type, initial] = node.arguments;
      return factory.updateCallExpression(node, node.expression, undefined, [
        ts.visitNode(type, visit),
        initial,
        nothing,
      ]);
    }
    if (ts.isPropertyAssignment(node) && node.name.getText() === 'meaning')
      return factory.updatePropertyAssignment(node, node.name, nothing);
    return ts.visitEachChild(node, visit, context);
  };
  return (file) => ts.visitNode(file, visit);
}
